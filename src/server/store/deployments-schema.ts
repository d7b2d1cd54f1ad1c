import { sql } from "drizzle-orm";
import {
  bigint,
  bigserial,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import type { CacheEvent } from "../../events/index.js";
import { projects } from "./ground-schema.js";

// What migrations 0002, 0003, 0005 and 0006 made, as drizzle knows it. What may stand in `state`, `kind` and the like is said by the rooms that write it.

const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

export const agents = pgTable(
  "agents",
  {
    id: text("id").primaryKey(),
    name: text("name").notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
    revokedAt: at("revoked_at"),
    online: boolean("online").notNull().default(false),
    seenAt: at("seen_at"),
    version: text("version"),
    slots: integer("slots").notNull().default(1),
    draining: boolean("draining").notNull().default(false),
    running: jsonb("running")
      .$type<{ deployment: string; attempt: number }[]>()
      .notNull()
      .default(sql`'[]'::jsonb`),
    engine: jsonb("engine").$type<{ version: string; api: string; store: string }>(),
    disk: jsonb("disk").$type<{ free: number; total: number; caches?: number | undefined }>(),
    unsent: integer("unsent").notNull().default(0),
  },
  (table) => [uniqueIndex("agents_name_unique").on(table.name).where(sql`revoked_at is null`)],
);

const ofAgent = () =>
  text("agent_id")
    .notNull()
    .references(() => agents.id, { onDelete: "cascade" });
const heldBy = () => text("agent_id").references(() => agents.id, { onDelete: "set null" });
const ofProject = () =>
  text("project_id")
    .notNull()
    .references(() => projects.id, { onDelete: "cascade" });

export const agentTokens = pgTable(
  "agent_tokens",
  {
    /** SHA-256 of the bootstrap token, hexadecimal. */
    tokenHash: text("token_hash").primaryKey(),
    agentId: ofAgent(),
    createdAt: at("created_at").notNull().defaultNow(),
    /** Means nothing once it was used. */
    expiresAt: at("expires_at").notNull(),
    usedAt: at("used_at"),
    replacedAt: at("replaced_at"),
  },
  (table) => [index("agent_tokens_agent_id").on(table.agentId)],
);

export const agentKeys = pgTable(
  "agent_keys",
  {
    /** Public nkey of a user, `U…`. */
    publicKey: text("public_key").primaryKey(),
    agentId: ofAgent(),
    createdAt: at("created_at").notNull().defaultNow(),
    /** Of the newest credential that was issued for it. */
    expiresAt: at("expires_at").notNull(),
    revokedAt: at("revoked_at"),
    revocationSentAt: at("revocation_sent_at"),
  },
  (table) => [
    index("agent_keys_agent_id").on(table.agentId),
    index("agent_keys_to_revoke")
      .on(table.revokedAt)
      .where(sql`revoked_at is not null and revocation_sent_at is null`),
  ],
);

export const environments = pgTable(
  "environments",
  {
    id: text("id").primaryKey(),
    projectId: ofProject(),
    name: text("name").notNull(),
    pr: integer("pr"),
    state: text("state")
      .$type<"pending" | "building" | "running" | "hibernating" | "terminated" | "failed">()
      .notNull()
      .default("pending"),
    /** Whether agents should keep what they have of it; `asleep`: with its containers stopped. */
    desired: text("desired").$type<"up" | "asleep" | "down">().notNull().default("up"),
    agentId: heldBy(),
    deploymentId: text("deployment_id"),
    url: text("url"),
    missingSince: at("missing_since"),
    pinned: boolean("pinned").notNull().default(false),
    /** When it is taken down unless it is pinned; null: never. */
    expiresAt: at("expires_at"),
    lastRequestAt: at("last_request_at"),
    /** Since when its containers are stopped. */
    hibernatedAt: at("hibernated_at"),
    /** Why it could not be stopped or started last. */
    lifeError: jsonb("life_error").$type<{ code: string; message: string; hint: string | null }>(),
    createdAt: at("created_at").notNull().defaultNow(),
    updatedAt: at("updated_at").notNull().defaultNow(),
  },
  (table) => [
    unique("environments_name_unique").on(table.projectId, table.name),
    index("environments_agent_id").on(table.agentId),
  ],
);

export const deployments = pgTable(
  "deployments",
  {
    id: text("id").primaryKey(),
    projectId: ofProject(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id, { onDelete: "cascade" }),
    /** Counts up from 1 within the environment: the greater, the later requested. */
    number: integer("number").notNull(),
    kind: text("kind").$type<"deploy" | "terminate">().notNull(),
    state: text("state")
      .$type<
        | "queued"
        | "claimed"
        | "preparing"
        | "building"
        | "starting"
        | "running"
        | "terminated"
        | "failed"
        | "cancelled"
        | "superseded"
      >()
      .notNull(),
    ref: text("ref").notNull(),
    commit: text("commit"),
    useCache: boolean("use_cache").notNull(),
    /** The word of whoever asked for it; null: the agent finds out. */
    fork: boolean("fork"),
    /** What the agent has made of it. */
    asFork: boolean("as_fork"),
    /** For people: an e-mail address, a token's name. */
    requestedBy: text("requested_by").notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
    agentId: heldBy(),
    publishes: integer("publishes").notNull().default(0),
    publishedAt: at("published_at"),
    jobSeq: bigint("job_seq", { mode: "number" }),
    attempt: integer("attempt").notNull().default(0),
    /** Ids of the claims that were granted, the newest last. */
    claims: jsonb("claims").$type<string[]>().notNull().default(sql`'[]'::jsonb`),
    handBacks: integer("hand_backs").notNull().default(0),
    handedBackAt: at("handed_back_at"),
    claimedAt: at("claimed_at"),
    /** When it was claimed or an event of it arrived, whichever is later. */
    heardAt: at("heard_at"),
    cancelReason: text("cancel_reason").$type<"cancelled" | "superseded">(),
    cancelRequestedAt: at("cancel_requested_at"),
    finishedAt: at("finished_at"),
    /** Its end was written without its agent's word. */
    presumed: boolean("presumed").notNull().default(false),
    eventsRemovedAt: at("events_removed_at"),
    /** `seq` of the attempt's last event, known when that has come. */
    lastSeq: integer("last_seq"),
    subject: text("subject"),
    author: text("author"),
    plan: jsonb("plan").$type<unknown[]>(),
    services: jsonb("services").$type<unknown[]>(),
    url: text("url"),
    duration: integer("duration"),
    error: jsonb("error").$type<{
      code: string;
      message: string;
      hint: string | null;
      [more: string]: unknown;
    }>(),
  },
  (table) => [
    unique("deployments_number_unique").on(table.environmentId, table.number),
    index("deployments_project_id").on(table.projectId, table.createdAt.desc(), table.id.desc()),
    index("deployments_open").on(table.agentId).where(sql`finished_at is null`),
    index("deployments_finished_at").on(table.finishedAt).where(sql`finished_at is not null`),
  ],
);

export const events = pgTable(
  "events",
  {
    /** In the order in which they became visible: ids of SSE. */
    id: bigserial("id", { mode: "number" }).primaryKey(),
    deploymentId: text("deployment_id")
      .notNull()
      .references(() => deployments.id, { onDelete: "cascade" }),
    attempt: integer("attempt").notNull(),
    seq: integer("seq").notNull(),
    type: text("type").notNull(),
    service: text("service"),
    /** By the agent's clock. */
    at: at("at").notNull(),
    /** The whole event in its envelope. */
    body: jsonb("body").$type<{ [field: string]: unknown }>().notNull(),
  },
  (table) => [
    unique("events_seq_unique").on(table.deploymentId, table.attempt, table.seq),
    index("events_of_deployment").on(table.deploymentId, table.id),
  ],
);

export const cacheEvents = pgTable(
  "cache_events",
  {
    id: bigserial("id", { mode: "number" }).primaryKey(),
    agentId: ofAgent(),
    key: text("key").notNull(),
    at: at("at").notNull(),
    event: jsonb("event").$type<CacheEvent>().notNull(),
  },
  (table) => [unique("cache_events_key_unique").on(table.agentId, table.key)],
);

export const runtimeEvents = pgTable(
  "runtime_events",
  {
    id: bigserial("id", { mode: "number" }).primaryKey(),
    environmentId: text("environment_id")
      .notNull()
      .references(() => environments.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    at: at("at").notNull(),
    type: text("type").notNull(),
    deploymentId: text("deployment_id"),
    service: text("service"),
    exitCode: integer("exit_code"),
    restarts: integer("restarts"),
    /** In words. */
    detail: text("detail"),
  },
  (table) => [unique("runtime_events_key_unique").on(table.environmentId, table.key)],
);
