import { z } from "zod";
import { cacheProgress, cacheQuestion } from "../cache-api/index.js";
import { cacheEventSchema } from "../events/index.js";

// One schema a message, `v` in each. Both sides parse what they receive: a message that is not what it should be is refused with
// a code and never acted on.

const id = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/);
const v = z.literal(1);

/** On `subjects.jobs`: only says that there is work. What the work is, secrets among it, comes with the claim and is stored in no stream. */
export const jobMessage = z.object({ v, deployment: id, kind: z.enum(["deploy", "terminate"]) });
export type JobMessage = z.infer<typeof jobMessage>;

export const claimRequest = z.object({
  v,
  deployment: id,
  /** Made by the agent and shown again for as long as no answer has come: one claim is granted one attempt, however often it is asked. */
  claim: z.string().regex(/^[A-Za-z0-9-]{8,64}$/),
});
export type ClaimRequest = z.infer<typeof claimRequest>;

/** How to read the project's repository. */
export const repositoryCredential = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("token"), username: z.string(), token: z.string() }),
  z.object({
    kind: z.literal("ssh"),
    /** OpenSSH or PEM. */
    privateKey: z.string(),
    /** Lines of a known_hosts file; null: the well-known forges' keys and nothing else. */
    knownHosts: z.string().nullable(),
  }),
]);
export type RepositoryCredential = z.infer<typeof repositoryCredential>;

const names = z.record(z.string(), z.string());

/** Everything that an agent needs for a deployment. */
export const job = z.object({
  kind: z.enum(["deploy", "terminate"]),
  deployment: id,
  project: z.object({
    id,
    /** `^[a-z][a-z0-9-]{0,39}$`, unique. */
    name: z.string(),
    /** A stable, file-system-safe name of the repository. */
    repoKey: z.string(),
    /** Without user or password. */
    url: z.string(),
    credential: repositoryCredential.nullable(),
  }),
  /** `name` is `pr-7`, or `ref-…` for a deployment of a branch, tag or commit. */
  environment: z.object({ id, name: z.string(), pr: z.int().min(1).nullable() }),
  /** For example refs/pull/7/head, refs/heads/main, v1.2 or a commit id. */
  ref: z.string(),
  /**
   * The word of whoever has asked for it: the code comes from a fork, so that what it leaves in caches is for itself alone and secrets are
   * not given to it. Absent: the agent finds out.
   */
  fork: z.boolean().optional(),
  /** Known already (a redeploy of exactly this); null: what `ref` is when it is fetched. */
  commit: z.string().nullable(),
  /** False: solve every service anew, without BuildKit's cache. */
  useCache: z.boolean(),
  env: names,
  secrets: names,
  /** By registry host. */
  registries: z.record(z.string(), z.object({ username: z.string(), password: z.string() })),
  /** For services that pin none; null: the agent's own defaults. */
  resources: z.object({ cpus: z.number().nullable(), memory: z.string().nullable() }),
  /** Previews answer at `<service>.<environment>-<project>.<domain>` or without the service for the public one. */
  ingress: z.object({ scheme: z.enum(["http", "https"]), domain: z.string(), port: z.int().nullable() }),
});
export type Job = z.infer<typeof job>;

/** Why a claim is refused; the agent acknowledges the message and forgets it. */
export const claimRefusals = [
  "unknown",
  "not_yours",
  "superseded",
  "cancelled",
  "finished",
  "busy", // another deployment of the environment runs; the server sends the job again when it has ended
  "too_many_attempts",
  "stale", // a later claim was granted since: this one was on its way for long
] as const;

export const claimReply = z.discriminatedUnion("granted", [
  z.object({ v, granted: z.literal(true), attempt: z.int().min(1), job }),
  z.object({ v, granted: z.literal(false), reason: z.enum(claimRefusals) }),
]);
export type ClaimReply = z.infer<typeof claimReply>;

/** An agent that drains has ended an attempt half-way, and somebody else may begin the next one. */
export const handBackRequest = z.object({ v, deployment: id, attempt: z.int().min(1) });
export type HandBackRequest = z.infer<typeof handBackRequest>;

/** `taken`: the deployment is queued again, or at its end, and the job's message is needed no more. */
export const handBackReply = z.object({ v, taken: z.boolean() });
export type HandBackReply = z.infer<typeof handBackReply>;

/** Asked at start and after every reconnection, and each minute: what the agent holds against what should be. */
export const syncRequest = z.object({
  v,
  running: z.array(z.object({ deployment: id, attempt: z.int().min(1) })).max(1000),
  /** Ids of environments that have containers, networks or volumes here. */
  environments: z.array(id).max(10_000),
  /** Ids of the deployments that their containers were made for. */
  deployments: z.array(id).max(10_000).default([]),
  /** Those of them that were asked for something since the last question that was answered. */
  active: z.array(id).max(10_000).default([]),
  /** What came of `hibernate` and `wake` of earlier answers; told again until it was heard. */
  rested: z
    .array(
      z.object({
        environment: id,
        state: z.enum(["hibernating", "running"]),
        /** It did not come to that, for this reason. */
        error: z
          .object({
            code: z.string().max(64),
            message: z.string().max(4096),
            hint: z.string().max(4096).nullable(),
          })
          .nullable(),
      }),
    )
    .max(1000)
    .default([]),
});
export type SyncRequest = z.infer<typeof syncRequest>;

export const syncReply = z.object({
  v,
  /** Those of `running` that should not go on. */
  stop: z.array(z.object({ deployment: id, reason: z.enum(["cancelled", "superseded", "fenced"]) })),
  /** Those of `environments` that should be gone. */
  remove: z.array(id),
  /** Those whose containers should be stopped, and those whose should be started again. Said until it is done. */
  hibernate: z.array(id).default([]),
  wake: z.array(id).default([]),
  /** Of `deployments`, those that are over and never served. */
  undo: z.array(z.object({ environment: id, deployment: id })).default([]),
});
export type SyncReply = z.infer<typeof syncReply>;

export const agentCommand = z.discriminatedUnion("type", [
  z.object({
    v,
    type: z.literal("cancel"),
    deployment: id,
    reason: z.enum(["cancelled", "superseded"]),
  }),
  /** Ask `sync` now. */
  z.object({ v, type: z.literal("sync") }),
  /** Somebody wants to read what the services of an environment print, as `runtimeReply`s on `subjects.runtime` of the request. */
  z.object({
    v,
    type: z.literal("logs"),
    request: id,
    environment: id,
    service: z.string().max(64).nullable(),
    /** Milliseconds since 1970. */
    since: z.int().min(0).nullable(),
    /** Lines from the end, of each container. */
    tail: z.int().min(0).nullable(),
    follow: z.boolean(),
  }),
  /** Or what they use. */
  z.object({ v, type: z.literal("stats"), request: id, environment: id }),
  /** Or what the agent keeps for repositories, or that it drops some of it. */
  z.object({ v, type: z.literal("cache"), request: id, question: cacheQuestion }),
  /** The reader is there, and takes the messages up to this number. */
  z.object({ v, type: z.literal("more"), request: id, upTo: z.int().min(0) }),
  /** The reader is gone. */
  z.object({ v, type: z.literal("leave"), request: id }),
]);
export type AgentCommand = z.infer<typeof agentCommand>;

export const serviceUsage = z.object({
  service: z.string().max(64),
  container: z.string().max(64),
  state: z.enum(["running", "restarting", "exited", "created"]),
  health: z.enum(["starting", "healthy", "unhealthy"]).nullable(),
  exitCode: z.int().nullable(),
  restarts: z.int(),
  uptimeSeconds: z.int().nullable(),
  /** 100: one CPU. */
  cpuPercent: z.number().nullable(),
  /** Bytes. */
  memory: z.number().nullable(),
  memoryLimit: z.number().nullable(),
  processes: z.int().nullable(),
});

/** A line of what a service printed. */
export const runtimeLine = z.object({
  service: z.string().max(64),
  stream: z.enum(["stdout", "stderr"]),
  at: z.iso.datetime({ precision: 3 }),
  text: z.string(),
});
export type RuntimeLine = z.infer<typeof runtimeLine>;

/** Characters of an answer in one message, at most: escaped they stay below what the bus takes. */
export const runtimePiece = 64 * 1024;

/** What an agent answers to `logs`, `stats` and `cache`, numbered from 1 without gaps: who reads sees loss. */
export const runtimeReply = z.discriminatedUnion("type", [
  /** Without lines: the agent is there, and nothing is printed. */
  z.object({ v, n: z.int().min(1), type: z.literal("lines"), lines: z.array(runtimeLine).max(1000) }),
  z.object({ v, n: z.int().min(1), type: z.literal("stats"), services: z.array(serviceUsage).max(1000) }),
  /** How far an answer about caches is; null: it goes on. */
  z.object({ v, n: z.int().min(1), type: z.literal("progress"), progress: cacheProgress.nullable() }),
  /** The next piece of that answer, which is one JSON text. */
  z.object({ v, n: z.int().min(1), type: z.literal("piece"), text: z.string().max(runtimePiece) }),
  /** Nothing comes after it. */
  z.object({
    v,
    n: z.int().min(1),
    type: z.literal("end"),
    error: z
      .object({
        code: z.string().max(64),
        message: z.string().max(4096),
        hint: z.string().max(4096).nullable(),
      })
      .nullable(),
  }),
]);
export type RuntimeReply = z.infer<typeof runtimeReply>;

/** Messages that an agent may send before it was told that there is a reader for more. */
export const runtimeWindow = 16;
/** Milliseconds between two messages of each side, at most: who is silent for three times that is gone. */
export const runtimeBeatMs = 5_000;

/** Things that happened to services outside of deployments; told until they were heard. */
export const noticeRequest = z.object({
  v,
  events: z
    .array(
      z.object({
        /** Told again, it is the same. */
        key: z.string().min(1).max(64),
        at: z.iso.datetime({ precision: 3 }),
        environment: id,
        deployment: id.nullable(),
        service: z.string().max(64),
        type: z.enum(["ended", "out_of_memory", "restarted", "healthy", "unhealthy"]),
        exitCode: z
          .int()
          .min(-(2 ** 31))
          .max(2 ** 31 - 1)
          .nullable(),
        restarts: z
          .int()
          .min(0)
          .max(2 ** 31 - 1),
      }),
    )
    .min(1)
    .max(100),
});
export type NoticeRequest = z.infer<typeof noticeRequest>;

export const noticeReply = z.object({ v });

/** What was removed from an agent's caches; told until it was heard. */
export const cacheNoticeRequest = z.object({ v, events: z.array(cacheEventSchema).min(1).max(100) });
export type CacheNoticeRequest = z.infer<typeof cacheNoticeRequest>;

export const heartbeat = z.object({
  v,
  at: z.iso.datetime({ precision: 3 }),
  version: z.string().max(64),
  /** Draining: takes no more jobs. */
  draining: z.boolean(),
  slots: z.int().min(1),
  running: z.array(z.object({ deployment: id, attempt: z.int().min(1) })).max(1000),
  engine: z.object({ version: z.string(), api: z.string(), store: z.string() }).nullable(),
  /** Bytes of the file system of GALLEY_DATA_DIR; `caches`: all that is kept for repositories, when that was last summed up. */
  disk: z.object({ free: z.number(), total: z.number(), caches: z.number().min(0).optional() }).nullable(),
  /** Events that wait on disk because the bus has not taken them. */
  unsent: z.int().min(0),
});
export type Heartbeat = z.infer<typeof heartbeat>;

/** Body of a message on EVENTS and LOGS. `Nats-Msg-Id` is `<deployment>.<attempt>.<first seq>`. */
export const eventBatch = z.object({ v, events: z.array(z.unknown()).min(1).max(1000) });
export type EventBatch = z.infer<typeof eventBatch>;
