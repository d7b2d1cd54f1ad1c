import { sql } from "drizzle-orm";
import {
  bigserial,
  doublePrecision,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
} from "drizzle-orm/pg-core";

// What migrations 0001 and 0003 made, as drizzle knows it. A test holds the two together.

const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: "date" });

export const instance = pgTable("instance", {
  key: text("key").primaryKey(),
  value: text("value").notNull(),
});

export const users = pgTable("users", {
  id: text("id").primaryKey(),
  /** In lower case. */
  email: text("email").notNull().unique("users_email_unique"),
  passwordHash: text("password_hash").notNull(),
  createdAt: at("created_at").notNull().defaultNow(),
});

export const sessions = pgTable("sessions", {
  id: text("id").primaryKey(),
  /** SHA-256 of the cookie's value, hexadecimal. */
  tokenHash: text("token_hash").notNull().unique("sessions_token_hash_unique"),
  userId: text("user_id")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  createdAt: at("created_at").notNull().defaultNow(),
  expiresAt: at("expires_at").notNull(),
  address: text("address").notNull(),
  userAgent: text("user_agent").notNull(),
});

export const apiTokens = pgTable(
  "api_tokens",
  {
    id: text("id").primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    /** SHA-256 of the token, hexadecimal. */
    tokenHash: text("token_hash").notNull().unique("api_tokens_token_hash_unique"),
    scopes: text("scopes").array().notNull(),
    createdAt: at("created_at").notNull().defaultNow(),
    expiresAt: at("expires_at"),
    lastUsedAt: at("last_used_at"),
  },
  (table) => [unique("api_tokens_name_unique").on(table.userId, table.name)],
);

export const projects = pgTable("projects", {
  id: text("id").primaryKey(),
  name: text("name").notNull().unique("projects_name_unique"),
  url: text("url").notNull(),
  repoKey: text("repo_key").notNull(),
  env: jsonb("env").$type<Record<string, string>>().notNull().default(sql`'{}'::jsonb`),
  cpus: doublePrecision("cpus"),
  memory: text("memory"),
  /** Seconds; null: as the server is set; 0: never. */
  ttlSeconds: integer("ttl_seconds"),
  idleSeconds: integer("idle_seconds"),
  credentialKind: text("credential_kind").$type<"token" | "ssh">(),
  credentialSealed: text("credential_sealed"),
  credentialChangedAt: at("credential_changed_at"),
  createdAt: at("created_at").notNull().defaultNow(),
  updatedAt: at("updated_at").notNull().defaultNow(),
});

const project = () =>
  text("project_id")
    .notNull()
    .references(() => projects.id, { onDelete: "cascade" });

export const projectSecrets = pgTable(
  "project_secrets",
  {
    projectId: project(),
    key: text("key").notNull(),
    sealed: text("sealed").notNull(),
    changedAt: at("changed_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.key] })],
);

export const projectRegistries = pgTable(
  "project_registries",
  {
    projectId: project(),
    host: text("host").notNull(),
    username: text("username").notNull(),
    sealed: text("sealed").notNull(),
    changedAt: at("changed_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.projectId, table.host] })],
);

export const auditLog = pgTable("audit_log", {
  id: bigserial("id", { mode: "number" }).primaryKey(),
  at: at("at").notNull().defaultNow(),
  actorKind: text("actor_kind").$type<"user" | "token" | "agent" | "system" | "anonymous">().notNull(),
  actorId: text("actor_id"),
  actorName: text("actor_name").notNull(),
  action: text("action").notNull(),
  target: text("target"),
  address: text("address"),
  requestId: text("request_id"),
});
