import { z } from "zod";
import { environmentStates } from "./environment-state.js";
import type { DeploymentRow, EnvironmentRow } from "./rows.js";
import { cancelReasons, deploymentKinds, deploymentStates, isFinal } from "./states.js";

// How deployments and environments look over HTTP.

const time = z.iso.datetime();

export const deploymentView = z.object({
  id: z.string(),
  project: z.string().describe("Name."),
  environment: z.object({ id: z.string(), name: z.string(), pr: z.int().nullable() }),
  number: z.int().describe("Counts up from 1 within the environment."),
  kind: z.enum(deploymentKinds),
  state: z.enum(deploymentStates),
  final: z.boolean().describe("No attempt is under way or will be."),
  ref: z.string(),
  commit: z.string().nullable(),
  subject: z.string().nullable().describe("First line of the commit's message."),
  author: z.string().nullable(),
  useCache: z.boolean(),
  fork: z
    .boolean()
    .nullable()
    .describe("What whoever asked for it has said: the code is a fork's, or not. Null: its agent finds out."),
  asFork: z
    .boolean()
    .nullable()
    .describe("What its agent has made of it: the code is treated as a fork's, or not. Null: not known yet."),
  requestedBy: z.string(),
  agent: z.string().nullable().describe("Id of the agent that builds and runs it."),
  attempt: z.int().describe("How often an agent has begun with it."),
  cancelling: z.enum(cancelReasons).nullable().describe("It is to be stopped, for this reason."),
  createdAt: time,
  claimedAt: time.nullable(),
  finishedAt: time.nullable(),
  eventsRemovedAt: time
    .nullable()
    .describe("When its events and log lines were removed, as they were too old or too many."),
  duration: z.int().nullable().describe("Milliseconds from claim to end, by the agent."),
  url: z.string().nullable(),
  services: z.array(z.unknown()).nullable().describe("As `deployment.finished` has them."),
  plan: z.array(z.unknown()).nullable().describe("As `deployment.plan` has it."),
  error: z.looseObject({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
});

export const environmentView = z.object({
  id: z.string(),
  project: z.string().describe("Name."),
  name: z.string(),
  pr: z.int().nullable(),
  state: z.enum(environmentStates),
  desired: z
    .enum(["up", "asleep", "down"])
    .describe("What it is to become: one that hibernates and is to be `up` is being woken."),
  problem: z
    .object({ code: z.string(), message: z.string(), hint: z.string().nullable() })
    .nullable()
    .describe("Why its containers could not be stopped or started when that was tried last."),
  agent: z.string().nullable().describe("Id of the agent that holds its containers."),
  deployment: z.string().nullable().describe("The one whose containers serve."),
  url: z.string().nullable(),
  pinned: z.boolean().describe("It does not expire."),
  expiresAt: time.nullable().describe("When it is taken down unless it is pinned; null: never."),
  lastRequestAt: time
    .nullable()
    .describe(
      "By what its agent has seen of its network, to a minute or two; or the end of its last deployment.",
    ),
  createdAt: time,
  updatedAt: time,
});

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

export interface DeploymentWithPlace {
  readonly deployment: DeploymentRow;
  readonly environment: Pick<EnvironmentRow, "id" | "name" | "pr">;
  /** Name. */
  readonly project: string;
}

export function viewDeployment({
  deployment: row,
  environment: { id, name, pr },
  project,
}: DeploymentWithPlace): z.infer<typeof deploymentView> {
  const final = isFinal(row.state);
  return {
    id: row.id,
    project,
    environment: { id, name, pr },
    number: row.number,
    kind: row.kind,
    state: row.state,
    final,
    ref: row.ref,
    commit: row.commit,
    subject: row.subject,
    author: row.author,
    useCache: row.useCache,
    fork: row.fork,
    asFork: row.asFork,
    requestedBy: row.requestedBy,
    agent: row.agentId,
    attempt: row.attempt,
    cancelling: final ? null : row.cancelReason,
    createdAt: row.createdAt.toISOString(),
    claimedAt: iso(row.claimedAt),
    finishedAt: iso(row.finishedAt),
    eventsRemovedAt: iso(row.eventsRemovedAt),
    duration: row.duration,
    url: row.url,
    services: row.services,
    plan: row.plan,
    error: row.error,
  };
}

export const viewEnvironment = (row: EnvironmentRow, project: string): z.infer<typeof environmentView> => ({
  id: row.id,
  project,
  name: row.name,
  pr: row.pr,
  state: row.state,
  desired: row.desired,
  problem: row.lifeError,
  agent: row.agentId,
  deployment: row.deploymentId,
  url: row.url,
  pinned: row.pinned,
  expiresAt: iso(row.expiresAt),
  lastRequestAt: iso(row.lastRequestAt),
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});
