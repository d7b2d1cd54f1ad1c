import {
  type BusConnection,
  cacheNoticeRequest,
  claimRequest,
  type Heartbeat,
  handBackRequest,
  heartbeatMs,
  loadBusKeys,
  noticeRequest,
  onDeadJob,
  onHeartbeat,
  type StreamOptions,
  serveRpc,
  syncRequest,
} from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import { type AgentDeps, agentRoutes } from "./agents/index.js";
import { cacheRoutes, noteCacheEvents } from "./caches/index.js";
import { createNotices, deploymentRoutes, type FollowTimes, holdsOrRuns } from "./deployments/index.js";
import { listenForEvents, withPlainFailures } from "./ingest/index.js";
import { lifeRoutes, noteEvents, type WakingTimes, wakingRoutes } from "./life/index.js";
import { createMetrics, measureAnswers, metricsRoute } from "./metrics/index.js";
import type { MakePart } from "./part.js";
import { dispatchQueued, type QueueDeps, queueRoutes } from "./queue/index.js";
import { type ReconcilerDeps, type ReconcileSettings, startReconciler } from "./reconciler/index.js";
import {
  type ClaimDeps,
  claim,
  createMasks,
  endDeadJob,
  handBack,
  hearHeartbeat,
  newestOnly,
  openBusLink,
  sync,
} from "./rpc/index.js";
import { runtimeRoutes } from "./runtime/index.js";

const seconds = 1000;
const minutes = 60 * seconds;

/** What tests make shorter. Defaults are for a network with hiccups. */
export interface DeploymentsOptions extends Partial<ReconcileSettings> {
  /** An environment is moved away from an agent that is not heard of for so long. Default 10 minutes. */
  readonly goneMs?: number;
  /** As `config.life` has them. */
  readonly ttlMs?: number;
  readonly idleMs?: number;
  /** Milliseconds between runs of the reconciler. Default 5000. */
  readonly reconcileMs?: number;
  readonly follow?: Partial<FollowTimes>;
  readonly retention?: Partial<ReconcilerDeps["retention"]>;
  readonly waking?: Partial<WakingTimes>;
  readonly streams?: StreamOptions;
}

/** Agents, environments and deployments: the queue, the reconciler, the ingest of events, their routes and metrics. */
export function deploymentsPart(options: DeploymentsOptions = {}): MakePart {
  return async (part) => {
    const { store, config, projects, log, signal } = part;
    const { db } = store;
    const settings = {
      heartbeatMs,
      goneMs: 10 * minutes,
      lostMs: 5 * minutes,
      jobExpiryMs: config.jobExpiryMs,
      ...config.life,
      unclaimedMs: 30 * seconds,
      forgottenMs: 45 * seconds,
      maxAttempts: 3,
      ...options,
    };
    const now = () => part.now().getTime();
    const keys = await loadBusKeys(config.bus.dir);
    const notices = createNotices();
    const metrics = createMetrics(db, notices.followers);
    const projectForJob: ClaimDeps["projectForJob"] = (tx, id) => projects.forJob(id, tx);
    const maskOf = createMasks(projectForJob, now);
    signal.throwIfAborted();

    const link = openBusLink({
      keys,
      servers: config.bus.urls,
      caFile: config.bus.caFile ?? undefined,
      streams: { replicas: config.bus.replicas, ...options.streams },
      log,
      listen: (connection) => listen(connection),
      answer: (connection) => answer(connection),
      back: () => reconciler.poke(),
    });
    const queue: QueueDeps = { db, jobs: link.jobs, notices, log, now, settings };
    const agents: AgentDeps = { db, bus: link.agents, log, now, publicUrl: config.publicUrl };
    const claims: ClaimDeps = {
      ...queue,
      projectForJob,
      ingress: config.ingress,
      maxAttempts: settings.maxAttempts,
      claimed: metrics.claimed,
    };
    const reconciler = startReconciler({
      ...queue,
      bus: link.agents,
      publicUrl: config.publicUrl,
      inspectJobs: link.inspectJobs,
      repairConsumer: link.repairConsumer,
      settings,
      everyMs: options.reconcileMs ?? 5 * seconds,
      retention: {
        eventsKeepMs: config.eventsKeepMs,
        eventsKeepCount: config.eventsKeepCount,
        removeAtOnce: 2000,
        removalsARun: 20,
        everyMs: 10 * minutes,
        ...options.retention,
      },
    });

    const heard = newestOnly<Heartbeat>(
      (agent, beat) => hearHeartbeat(queue, agent, beat),
      (error, agent) => log.error({ err: error, agent }, "a heartbeat could not be written down"),
    );
    /** What the bus's streams bring. */
    const listen = (connection: BusConnection) =>
      together([
        () =>
          listenForEvents({
            connection,
            db,
            log,
            now,
            maskOf,
            metrics,
            notices,
            ended: () => dispatchQueued(queue),
          }),
        () =>
          onDeadJob({
            connection,
            log,
            handler: ({ agent, message }) =>
              withPlainFailures(log, () => endDeadJob(queue, agent, message.deployment)),
          }),
      ]);
    /** What agents say and ask. */
    const answer = (connection: BusConnection) =>
      together([
        () => onHeartbeat({ connection, log, handler: heard }),
        () =>
          serveRpc({
            connection,
            verb: "sync",
            schema: syncRequest,
            handler: (body, { agent }) =>
              withPlainFailures(log, () => sync({ ...queue, maskOf }, agent, body)),
            log,
          }),
        () =>
          serveRpc({
            connection,
            verb: "hand-back",
            schema: handBackRequest,
            handler: (body, { agent }) =>
              withPlainFailures(log, () => handBack(queue, agent, body, reconciler.poke)),
            log,
          }),
        () =>
          serveRpc({
            connection,
            verb: "notice",
            schema: noticeRequest,
            handler: async (body, { agent }) => {
              await withPlainFailures(log, () => noteEvents(queue, agent, body));
              return { v: 1 };
            },
            log,
          }),
        () =>
          serveRpc({
            connection,
            verb: "cache-notice",
            schema: cacheNoticeRequest,
            handler: async (body, { agent }) => {
              await withPlainFailures(log, () => noteCacheEvents(db, agent, body));
              return { v: 1 };
            },
            log,
          }),
        () =>
          serveRpc({
            connection,
            verb: "claim",
            schema: claimRequest,
            handler: (body, { agent }) => withPlainFailures(log, () => claim(claims, agent, body)),
            log,
          }),
      ]);

    return {
      api: (app) => {
        measureAnswers(app, metrics);
        agentRoutes(app, agents, reconciler.poke);
        deploymentRoutes(app, { db, notices, ...(options.follow ? { times: options.follow } : {}) });
        queueRoutes(app, queue);
        lifeRoutes(app, queue);
        runtimeRoutes(app, { db, ask: link.ask, maskOf, now });
        cacheRoutes(app, { db, ask: link.ask, maskOf });
      },
      root: (app) => {
        metricsRoute(app, metrics, config.metricsToken);
        wakingRoutes(app, {
          ...queue,
          config,
          ...(options.waking ? { wakingTimes: options.waking } : {}),
        });
      },
      ready: [{ name: "bus", check: async () => link.check() }],
      beforeProjectDelete: async (tx, { id, name }) => {
        if (await holdsOrRuns(tx, id))
          throw new GalleyError("conflict", `The project ${JSON.stringify(name)} has previews that run.`, {
            hint: "Terminate them first: `galley env ls` lists them.",
          });
      },
      stop: async () => {
        await link.stop();
        await reconciler.stop();
      },
    };
  };
}

interface Hearing {
  close(): void | Promise<void>;
}

/** Begins one after the other; what it resolves with ends them in the other order, and so does one that cannot begin. */
async function together(begin: readonly (() => Promise<Hearing>)[]): Promise<() => Promise<void>> {
  const begun: Hearing[] = [];
  const end = async () => {
    for (let last = begun.pop(); last; last = begun.pop()) await last.close();
  };
  try {
    for (const one of begin) begun.push(await one());
  } catch (error) {
    await end();
    throw error;
  }
  return end;
}
