import { z } from "zod";

// What the server answers, as far as the command reads it. Fields that it does not know stay in the answer, for `--json`.

const time = z.string();
const object = z.looseObject;

export const setupAnswer = object({ needed: z.boolean() });
export const meAnswer = object({
  user: object({ id: z.string(), email: z.string() }),
  kind: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
});
export const tokenAnswer = object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  expiresAt: time.nullable(),
  token: z.string().regex(/^[\w-]{10,200}$/),
});

export const projectAnswer = object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  env: z.record(z.string(), z.string()),
  resources: object({ cpus: z.number().nullable(), memory: z.string().nullable() }),
  life: object({ ttl: z.string().nullable(), idle: z.string().nullable() }),
  credential: object({ kind: z.string(), changedAt: time }).nullable(),
  secrets: z.array(object({ key: z.string(), changedAt: time })),
  registries: z.array(object({ host: z.string(), username: z.string(), changedAt: time })),
  createdAt: time,
  updatedAt: time,
});
export type Project = z.infer<typeof projectAnswer>;
export const projectsAnswer = object({ projects: z.array(projectAnswer) });

export const deploymentAnswer = object({
  id: z.string().regex(/^[a-z0-9]{4,40}$/),
  project: z.string(),
  environment: object({ id: z.string(), name: z.string(), pr: z.number().nullable() }),
  number: z.number(),
  kind: z.string(),
  state: z.string(),
  final: z.boolean(),
  ref: z.string(),
  commit: z.string().nullable(),
  subject: z.string().nullable(),
  author: z.string().nullable(),
  requestedBy: z.string(),
  agent: z.string().nullable(),
  attempt: z.number(),
  cancelling: z.string().nullable(),
  createdAt: time,
  finishedAt: time.nullable(),
  /** What its builds printed is gone since then. */
  eventsRemovedAt: time.nullable().optional(),
  duration: z.number().nullable(),
  url: z.string().nullable(),
  services: z.array(z.unknown()).nullable(),
  error: object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
});
export type Deployment = z.infer<typeof deploymentAnswer>;

export const environmentAnswer = object({
  id: z.string(),
  project: z.string(),
  name: z.string(),
  pr: z.number().nullable(),
  state: z.string(),
  agent: z.string().nullable(),
  deployment: z.string().nullable(),
  url: z.string().nullable(),
  desired: z.string(),
  problem: object({ message: z.string(), hint: z.string().nullable() }).nullable(),
  pinned: z.boolean(),
  expiresAt: time.nullable(),
  lastRequestAt: time.nullable(),
  createdAt: time,
  updatedAt: time,
});
export type Environment = z.infer<typeof environmentAnswer>;
export const environmentsAnswer = object({ environments: z.array(environmentAnswer) });
export const environmentWithDeployments = environmentAnswer.extend({
  deployments: z.array(deploymentAnswer),
});

export const runtimeEventsAnswer = object({
  events: z.array(
    object({
      at: time,
      type: z.string(),
      service: z.string().nullable(),
      exitCode: z.number().nullable(),
      restarts: z.number().nullable(),
      detail: z.string().nullable(),
    }),
  ),
});
export type RuntimeEvent = z.infer<typeof runtimeEventsAnswer>["events"][number];

export const runtimeLineAnswer = object({
  service: z.string(),
  stream: z.string(),
  text: z.string(),
  at: time,
});

export const statsAnswer = object({
  services: z.array(
    object({
      service: z.string(),
      state: z.string(),
      health: z.string().nullable(),
      exitCode: z.number().nullable(),
      restarts: z.number(),
      uptimeSeconds: z.number().nullable(),
      cpuPercent: z.number().nullable(),
      memory: z.number().nullable(),
      memoryLimit: z.number().nullable(),
      processes: z.number().nullable(),
    }),
  ),
});

export const logsAnswer = object({
  attempt: z.number(),
  lines: z.array(object({ service: z.string().nullable(), text: z.string(), at: time })),
  next: z.number(),
  final: z.boolean(),
});

export const agentAnswer = object({
  id: z.string(),
  name: z.string(),
  online: z.boolean(),
  draining: z.boolean(),
  createdAt: time,
  seenAt: time.nullable(),
  version: z.string().nullable(),
  slots: z.number(),
  used: z.number(),
  engine: object({ version: z.string() }).nullable(),
  disk: object({ free: z.number(), total: z.number() }).nullable(),
  unsent: z.number(),
  token: object({ state: z.string(), expiresAt: time.nullable() }).nullable(),
});
export type Agent = z.infer<typeof agentAnswer>;
export const agentsAnswer = object({ agents: z.array(agentAnswer) });
export const newAgentAnswer = object({
  agent: agentAnswer,
  token: z.string().regex(/^[\w-]{10,200}$/),
});
