import type { GalleyErrorCode } from "../../errors/index.js";
import {
  type CancelReason,
  type DeploymentKind,
  type DeploymentState,
  isActive,
} from "../deployments/states.js";
import { isOnline, type OnlineSettings } from "./online.js";

// Times are milliseconds since 1970.

export interface OpenDeployment {
  readonly id: string;
  readonly kind: DeploymentKind;
  readonly state: DeploymentState;
  /** Chosen for it; null: nobody yet. */
  readonly agent: string | null;
  /** How often it was claimed. */
  readonly attempt: number;
  /** How many of those an agent that drained has handed back. */
  readonly handBacks: number;
  /** Since when it waits, if it does: when it was asked for, or handed back. */
  readonly waitsSince: number;
  /** When its job was last given to the bus; null: never, or the server died between deciding and doing. */
  readonly publishedAt: number | null;
  /** When it was claimed or an event of it arrived, whichever is later; null: never. */
  readonly heardAt: number | null;
  readonly cancelReason: CancelReason | null;
  readonly cancelRequestedAt: number | null;
}

export interface SeenAgent {
  readonly id: string;
  readonly revoked: boolean;
  /** As it is written in the database. */
  readonly online: boolean;
  /** Of the newest heartbeat. */
  readonly seenAt: number | null;
  readonly draining: boolean;
  /** What the newest heartbeat said. */
  readonly running: readonly { readonly deployment: string; readonly attempt: number }[];
  /** Events that wait on the agent's disk. */
  readonly unsent: number;
}

/** An environment that somebody wants, with what may end that. */
export interface SeenEnvironment {
  readonly id: string;
  readonly pinned: boolean;
  /** Null: never. */
  readonly expiresAt: number | null;
  /** A deployment of it waits or is under way. */
  readonly busy: boolean;
  /** Who holds its containers. */
  readonly agent: string | null;
  /** Its containers serve, and are wanted to. */
  readonly awake: boolean;
  /** Null: it is not known that it ever was asked for anything. */
  readonly lastRequestAt: number | null;
  /** How long it runs without being asked for anything; 0: for ever. */
  readonly idleMs: number;
}

export interface JobsState {
  /** Deployments whose job still lies in the stream, delivered or not. */
  readonly stored: ReadonlySet<string>;
  /** By agent; absent: the agent has no consumer. */
  readonly consumers: ReadonlyMap<string, { readonly pending: number; readonly unacked: number }>;
}

export interface ReconcileSettings extends OnlineSettings {
  /** A deployment whose agent was not heard of for so long has failed. */
  readonly lostMs: number;
  /** A deployment that nobody claimed for so long has failed. */
  readonly jobExpiryMs: number;
  /** A job that was published and that an online agent has not claimed for so long is published again. */
  readonly unclaimedMs: number;
  /** A deployment that its agent's heartbeats do not mention and that is silent for so long is not under way any more. */
  readonly forgottenMs: number;
  readonly maxAttempts: number;
}

export interface ReconcileInput {
  readonly now: number;
  /** Since when this server hears heartbeats: silence before that says nothing. */
  readonly since: number;
  readonly deployments: readonly OpenDeployment[];
  readonly agents: readonly SeenAgent[];
  readonly environments: readonly SeenEnvironment[];
  /** Null: the bus could not be asked, and nothing is concluded from what it holds. */
  readonly jobs: JobsState | null;
  readonly settings: ReconcileSettings;
}

export type Action =
  | { readonly type: "online" | "offline"; readonly agent: string }
  | { readonly type: "fail"; readonly deployment: string; readonly code: FailCode }
  /** It was to be cancelled, and is not under way any more. */
  | { readonly type: "settle"; readonly deployment: string }
  /** Give the job to the bus, again and under a new message id if it was there. */
  | { readonly type: "publish"; readonly deployment: string }
  /** Take it from an agent that has not claimed it. */
  | { readonly type: "unassign"; readonly deployment: string }
  /** Take it from an agent that has claimed it, drains, and has it no more. */
  | { readonly type: "take-back"; readonly deployment: string }
  | {
      readonly type: "cancel";
      readonly deployment: string;
      readonly agent: string;
      readonly reason: CancelReason;
    }
  /** The agent should compare what it has with what should be. */
  | { readonly type: "sync"; readonly agent: string }
  /** The consumer is missing, or delivers nothing though there is something. */
  | { readonly type: "consumer"; readonly agent: string }
  /** Its time is over: it is taken down. */
  | { readonly type: "expire"; readonly environment: string }
  /** Nobody has asked for anything for long: its containers are stopped. */
  | { readonly type: "hibernate"; readonly environment: string }
  /** Look for agents for what is queued. */
  | { readonly type: "dispatch" };

type FailCode = Extract<
  GalleyErrorCode,
  "agent_lost_contact" | "agent_revoked" | "job_expired" | "too_many_attempts"
>;

/**
 * What is to be done so that what is comes to what should be. Pure: called again with the same it says the same, and doing an
 * action twice does no harm, so that several servers may run it.
 */
export function reconcile(input: ReconcileInput): Action[] {
  const agents = new Map(input.agents.map((agent) => [agent.id, agent]));
  const deployments = input.deployments.flatMap((deployment) => {
    const agent = deployment.agent === null ? undefined : agents.get(deployment.agent);
    return deployment.state === "queued"
      ? ofQueued(deployment, agent, input)
      : isActive(deployment.state)
        ? ofActive(deployment, agent, input)
        : [];
  });
  const queued = input.deployments.some(({ state }) => state === "queued");
  return [
    ...ofAgents(input),
    ...deployments,
    ...ofEnvironments(input),
    ...(queued ? [{ type: "dispatch" } as const] : []),
  ];
}

function ofEnvironments(input: ReconcileInput): Action[] {
  return input.environments.flatMap((environment): Action[] => {
    const { id, pinned, expiresAt, busy } = environment;
    if (busy) return [];
    if (!pinned && expiresAt !== null && expiresAt <= input.now) return [{ type: "expire", environment: id }];
    return isIdle(environment, input) ? [{ type: "hibernate", environment: id }] : [];
  });
}

/**
 * Requests are seen by the agent alone: while it, or this server, was away, there may have been some. One that has just come back is still
 * written down as away, and gets the time to tell.
 */
function isIdle(
  { awake, lastRequestAt, idleMs, agent: holder }: SeenEnvironment,
  { now, since, agents, settings }: ReconcileInput,
): boolean {
  const agent = agents.find(({ id }) => id === holder);
  if (!awake || idleMs === 0 || !agent?.online || !isOnline(agent, { now, since }, settings)) return false;
  return now - Math.max(lastRequestAt ?? 0, since) >= idleMs;
}

function ofAgents({ now, since, agents, deployments, jobs, settings }: ReconcileInput): Action[] {
  const open = new Map(deployments.map((deployment) => [deployment.id, deployment]));
  return agents.flatMap((agent): Action[] => {
    const actions: Action[] = [];
    const online = isOnline(agent, { now, since }, settings);
    if (online !== agent.online) actions.push({ type: online ? "online" : "offline", agent: agent.id });
    if (agent.revoked) return actions;
    // A heartbeat is older than what the database says now: what was claimed or ended since is not a difference.
    const strangers = agent.running.some(({ deployment, attempt }) => {
      const known = open.get(deployment);
      return known === undefined || known.agent !== agent.id || attempt < known.attempt;
    });
    if (online && strangers) actions.push({ type: "sync", agent: agent.id });
    const consumer = jobs?.consumers.get(agent.id);
    if (
      jobs !== null &&
      (consumer === undefined || isStuck(agent, consumer, jobs, deployments, { now, settings }))
    )
      actions.push({ type: "consumer", agent: agent.id });
    return actions;
  });
}

/**
 * A consumer that lost its place after a crash of the bus: the stream has jobs of the agent, and none is pending or delivered.
 * (BUS.md: seen on 2.10 after kill -9. Deleting it and adding it again helps.)
 */
function isStuck(
  agent: SeenAgent,
  consumer: { readonly pending: number; readonly unacked: number },
  jobs: JobsState,
  deployments: readonly OpenDeployment[],
  { now, settings }: { readonly now: number; readonly settings: ReconcileSettings },
): boolean {
  if (consumer.pending > 0 || consumer.unacked > 0) return false;
  return deployments.some(
    ({ id, agent: of, publishedAt }) =>
      of === agent.id &&
      jobs.stored.has(id) &&
      publishedAt !== null &&
      now - publishedAt >= settings.unclaimedMs,
  );
}

function ofQueued(
  deployment: OpenDeployment,
  agent: SeenAgent | undefined,
  { now, since, jobs, settings }: ReconcileInput,
): Action[] {
  const { id } = deployment;
  if (now - deployment.waitsSince >= settings.jobExpiryMs)
    return [{ type: "fail", deployment: id, code: "job_expired" }];
  if (deployment.agent === null) return [];
  // One that drains takes no more, also when it was chosen before that was known.
  if (agent === undefined || agent.draining || !isOnline(agent, { now, since }, settings))
    return [{ type: "unassign", deployment: id }];
  return publishAgain(deployment, now, jobs, settings) ? [{ type: "publish", deployment: id }] : [];
}

function publishAgain(
  { id, publishedAt }: OpenDeployment,
  now: number,
  jobs: JobsState | null,
  { unclaimedMs }: ReconcileSettings,
): boolean {
  if (publishedAt === null) return true;
  // Just published: the claim may be on its way.
  const quiet = now - publishedAt >= Math.min(unclaimedMs, justPublishedMs);
  if (quiet && jobs !== null && !jobs.stored.has(id)) return true;
  return now - publishedAt >= unclaimedMs;
}

/** The stream is looked at before or after the database; a difference younger than this is one of time. */
const justPublishedMs = 5000;

function ofActive(
  deployment: OpenDeployment,
  agent: SeenAgent | undefined,
  { now, since, jobs, settings }: ReconcileInput,
): Action[] {
  const { id, cancelReason, attempt, handBacks } = deployment;
  const end = (code: FailCode): Action[] => [
    cancelReason === null ? { type: "fail", deployment: id, code } : { type: "settle", deployment: id },
  ];
  if (agent === undefined || agent.revoked) return end("agent_revoked");
  const online = isOnline(agent, { now, since }, settings);
  const mentioned = agent.running.some((one) => one.deployment === id && one.attempt === attempt);
  const silent = now - Math.max(deployment.heardAt ?? 0, since);
  const beatSince = (agent.seenAt ?? 0) > (deployment.heardAt ?? 0);
  const has = mentioned || agent.unsent > 0 || !beatSince || silent < settings.forgottenMs;
  // It could not say itself that it gives it back: the server was away. Another one need not wait until it is given up.
  if (!has && agent.draining) return [{ type: "take-back", deployment: id }];
  const heard = Math.max(agent.seenAt ?? 0, deployment.heardAt ?? 0, since);
  if (!online) return now - heard >= settings.lostMs ? end("agent_lost_contact") : [];
  if (has) return resendCancel(deployment, agent, now, settings);

  // The agent is there and does not have it: it was restarted, and the job is delivered again, or was lost with the stream.
  if (cancelReason !== null) return [{ type: "settle", deployment: id }];
  const published = deployment.publishedAt ?? 0;
  if (now - published < settings.unclaimedMs) return [];
  const delivered = jobs === null || jobs.stored.has(id);
  if (delivered && silent < 2 * settings.forgottenMs) return [];
  return attempt - handBacks >= settings.maxAttempts
    ? end("too_many_attempts")
    : [{ type: "publish", deployment: id }];
}

/** A cancel is advisory and may have been lost; until the agent tells the end it is told again. */
function resendCancel(
  { id, cancelReason, cancelRequestedAt }: OpenDeployment,
  agent: SeenAgent,
  now: number,
  { heartbeatMs }: ReconcileSettings,
): Action[] {
  if (cancelReason === null || cancelRequestedAt === null || now - cancelRequestedAt < heartbeatMs) return [];
  return [{ type: "cancel", deployment: id, agent: agent.id, reason: cancelReason }];
}
