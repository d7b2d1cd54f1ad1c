import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { answerCache, keptBytes, openCaches } from "../../cache/index.js";
import { createInputImages, proxyArgs } from "../build/index.js";
import { BuildKitClient, loadDockerConfig } from "../buildkit/index.js";
import {
  connectBus,
  type Heartbeat,
  handBackReply,
  noticeReply,
  onCommand,
  openJobQueue,
  openSpool,
  request,
  sendHeartbeat,
  subjects,
  syncReply,
} from "../bus/index.js";
import { engineFacts } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";
import type { CacheEvent } from "../events/index.js";
import { findEnvironments, publicTraffic, reconnectProxy, stopEnvironment } from "../preview/index.js";
import { createMirrors } from "../source/index.js";
import { ActiveRuns } from "./active.js";
import { askClaim } from "./ask-again.js";
import { bootstrap, renewCredential } from "./bootstrap.js";
import { removedEvent } from "./cache-events.js";
import { handleMessage } from "./claim.js";
import { claimLoop } from "./claim-loop.js";
import { cleanUp } from "./clean-up.js";
import { createClosing } from "./closing.js";
import { type AgentConfig, budgetOf } from "./config.js";
import { settleCutOff } from "./cut-off.js";
import { diskRoom } from "./disk-room.js";
import { diskSpace } from "./disk-space.js";
import { DiskWatch } from "./disk-watch.js";
import { type Disk, disksOf } from "./disks.js";
import { drain } from "./drain.js";
import { connectEngine, engineDirectory } from "./engine.js";
import { watchEngine } from "./engine-watch.js";
import { startFirewall } from "./firewall-loop.js";
import { serveHealth } from "./health.js";
import { heartbeatLoop } from "./heartbeat-loop.js";
import { jobSources } from "./job-source.js";
import { watchKeptBytes } from "./kept-bytes.js";
import { keptImages, repositoryImages } from "./kept-images.js";
import type { AgentLog } from "./log.js";
import { createMetrics } from "./metrics.js";
import { OpenClaims } from "./open-claims.js";
import { spoolOutbox } from "./outbox.js";
import { forContainer, ownImage } from "./own-image.js";
import { ProjectImages } from "./project-images.js";
import { startRenewal } from "./renewal-loop.js";
import { runJob } from "./runner.js";
import { startRuntime } from "./runtime.js";
import { Slots } from "./slots.js";
import { startSync } from "./sync-loop.js";
import { startTellLater } from "./tell-later.js";
import { Traffic } from "./traffic.js";

export interface StartAgentOptions {
  /** Drains: no new jobs; what runs gets `drainMs` to finish and is then handed back. */
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** DOCKER_HOST and its like. Default: that of the process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly version?: string;
}

/** A running agent. */
export interface RunningAgent {
  readonly id: string;
  /** Of /healthz and /metrics, on 127.0.0.1. */
  readonly healthPort: number;
  /** Resolves when it has drained. Rejects when it has to end: its credential was refused. */
  readonly ended: Promise<void>;
}

/** Pulls at once over all deployments. */
const pullsAtOnce = 3;
/** Milliseconds for which a job is handed back while the engine does not answer. */
const engineAwayMs = 5_000;
/** Milliseconds that the server gets to take a deployment back; within the time that a drain has for it. */
const handBackMs = 4_000;
const spoolBytes = 512 * 1024 * 1024;
const startMs = 60_000;

/**
 * Starts an agent: bootstraps, connects to bus and engine, removes what an earlier one left, and claims jobs until it is told to drain.
 *
 * @throws GalleyError whatever `bootstrap`, `connectBus` and `engineFacts` throw; nothing is left running then
 */
export async function startAgent(given: AgentConfig, options: StartAgentOptions): Promise<RunningAgent> {
  const { signal, log, env = process.env, version = "0.1.0" } = options;
  const { dataDirectory } = given;
  const now = Date.now;
  const newId = randomUUID;
  const random = Math.random;
  const closing = createClosing(log);
  try {
    const starting = withDeadline(signal, startMs);
    const docker = await connectEngine(env);
    const facts = await engineFacts(docker, starting);
    const image = await ownImage(docker, starting);
    const config = forContainer(given, image);
    const identity = { config, version, signal, log };
    let credential = await bootstrap(identity);
    const agent = credential.agent.id;
    const unsettled = await cleanUp({ agent, dataDirectory, docker, log }, starting);
    /** Ends what runs beside the deployments; after the drain. */
    const over = new AbortController();
    const cutOff = settleCutOff({ docker, agent, config, environments: unsettled, log, signal: over.signal });
    closing.push(() => {
      over.abort();
      return Promise.allSettled(cutOff.values());
    });
    const connection = await connectBus({
      servers: config.natsUrls,
      caFile: config.natsCa,
      credential: () => credential.jwt,
      seed: credential.seed,
      inbox: subjects.inbox(agent),
      name: `galley agent ${agent}`,
      log,
      signal,
    });
    closing.push(() => connection.close());
    await mkdir(join(dataDirectory, "agent", "spool"), { recursive: true });
    const spool = await openSpool({
      directory: join(dataDirectory, "agent", "spool"),
      connection,
      agent,
      maxBytes: spoolBytes,
      log,
    });
    closing.push(() => spool.close());
    const mirrors = createMirrors({
      root: join(dataDirectory, "repos"),
      git: { allowFile: config.allowLocalRepositories },
      log,
    });
    closing.push(() => mirrors.close());
    closing.push(() => over.abort());
    const firewall = startFirewall({ docker, agent, config, log, signal: over.signal });
    const ending = new AbortController();
    const noMoreJobs = AbortSignal.any([signal, ending.signal]);
    const active = new ActiveRuns();
    const slots = new Slots(config.maxParallelBuilds);
    const builds = new Slots(config.maxParallelBuilds);
    const engine = watchEngine(docker, facts, { log, signal: over.signal });
    const metrics = createMetrics({
      slots,
      builds,
      unsent: () => spool.unsent,
      dropped: () => spool.dropped,
      connected: () => connection.connected,
      engine: () => engine.facts !== undefined,
    });

    const connectBuildKit = (ended: AbortSignal) => BuildKitClient.connect(undefined, { env, signal: ended });
    const cacheEvents = startTellLater<CacheEvent>({
      ask: (events, ended) =>
        request(connection, agent, "cache-notice", { v: 1, events }, noticeReply, { signal: ended }),
      what: "what was removed from the caches",
      log,
      signal: over.signal,
    });
    const projectImages = new ProjectImages();
    const kept = watchKeptBytes(() => keptBytes(dataDirectory));
    const keepers = [keptImages({ docker, agent, dataDirectory, projectImages })];
    const caches = openCaches({
      dataDirectory,
      keepers,
      onRemoved: (removed) => cacheEvents.add(removedEvent(removed, { id: newId(), now: now() })),
      onCollected: () => kept.look(),
      budget: config.cacheBudget,
      share: config.cacheShare,
      connect: connectBuildKit,
      log,
      now,
    });
    closing.push(() => caches.close());
    const disks = {
      look: disksOf(dataDirectory, await engineDirectory(facts.rootDirectory, image !== undefined, env)),
      least: config.minFreeDisk,
      makeRoom: (bytes: number, { keeps }: Disk) => caches.makeRoom(bytes, keeps),
      log,
    };
    const runner = {
      agent,
      config,
      docker,
      platform: () => `${facts.os}/${facts.architecture}`,
      env,
      openSource: jobSources(mirrors),
      caches,
      inputImages: createInputImages({
        docker,
        file: join(dataDirectory, "cache", "input-images.json"),
        now,
      }),
      proxies: proxyArgs((await loadDockerConfig(undefined, env)).proxies, [env.DOCKER_HOST]),
      builds,
      pulls: new Slots(pullsAtOnce),
      projectImages,
      disk: new DiskWatch({ ...disks, now }),
      log,
      now,
    };
    const outbox = spoolOutbox(spool);
    const queue = openJobQueue({ connection, agent, log });
    const claims = new OpenClaims(newId);
    const runtime = startRuntime({
      docker,
      agent,
      config,
      connection,
      cache: (question, onProgress, ended) =>
        answerCache(question, {
          dataDirectory,
          connect: connectBuildKit,
          budget: async () => budgetOf(config),
          images: repositoryImages(docker),
          keepers,
          now,
          onProgress,
          signal: ended,
        }).finally(() => question.ask === "prune" && kept.look()),
      onSettled: () => sync.trigger(),
      cutOff,
      log,
      signal: over.signal,
    });
    const traffic = new Traffic();
    const claiming = claimLoop({
      queue,
      slots,
      ready: async (ended) => {
        await engine.ready(ended);
        await diskRoom(disks, ended);
      },
      handle: async (message) => {
        // It came in a pull that was open when the engine went away.
        if (!engine.facts) return message.nak(engineAwayMs);
        await handleMessage(
          message,
          {
            agent,
            active,
            claims,
            ask: async (deployment, claim, ended) => {
              const reply = await askClaim(connection, agent, { deployment, claim }, ended);
              // It may have been this agent's before it was killed, and have left something here.
              if (!reply.granted) sync.trigger();
              return reply;
            },
            handBack: async (deployment, attempt) => {
              const body = { v: 1, deployment, attempt };
              const options = { timeoutMs: handBackMs };
              return (await request(connection, agent, "hand-back", body, handBackReply, options)).taken;
            },
            run: (job, run) => runtime.rest.during(job.environment.id, () => runJob(job, runner, run)),
            outbox,
            onFinished: metrics.finished,
            log,
            now,
            newId,
            random,
          },
          noMoreJobs,
        );
      },
      log,
      signal: noMoreJobs,
    });

    const sync = startSync({
      active,
      environments: async (ended) => await findEnvironments(docker, agent, ended),
      remove: async (environment, ended) =>
        void (await stopEnvironment(docker, { agent, environment }, ended)),
      undo: runtime.undo,
      rest: runtime.rest,
      traffic: {
        look: async (ended) => traffic.take(await publicTraffic(docker, agent, ended), now()),
        told: (ids) => traffic.told(ids),
      },
      reconnect: (ended) => reconnectProxy(docker, agent, config.publicNetwork, ended),
      ask: (body, ended) => request(connection, agent, "sync", body, syncReply, { signal: ended }),
      log,
      signal: over.signal,
    });
    const commands = await onCommand({
      connection,
      agent,
      log,
      handler: (command) => {
        if (command.type === "sync") sync.trigger();
        else if (command.type === "more") runtime.readers.more(command.request, command.upTo);
        else if (command.type === "leave") runtime.readers.leave(command.request);
        else if (command.type !== "cancel") void runtime.readers.begin(command);
        else if (active.stop(command.deployment, command.reason))
          log.info({ deployment: command.deployment, reason: command.reason }, "told to end it");
      },
    });
    closing.push(() => commands.close());
    closing.push(connection.on("back", () => sync.trigger()));

    const disk = () => diskSpace(dataDirectory, kept.bytes);
    const beat = async (): Promise<Heartbeat> => ({
      v: 1,
      at: new Date(now()).toISOString(),
      version,
      draining: signal.aborted,
      slots: slots.size,
      running: active.list().map(({ deployment, attempt }) => ({ deployment, attempt })),
      engine: engine.facts
        ? { version: engine.facts.version, api: engine.facts.apiVersion, store: engine.facts.store }
        : null,
      disk: await disk(),
      unsent: spool.unsent,
    });
    const send = (one: Heartbeat) => sendHeartbeat(connection, agent, one);
    const beating = heartbeatLoop({ beat, send, signal: over.signal });

    let refused: unknown;
    const renewal = startRenewal({
      held: credential,
      renew: (held) => renewCredential(held, { ...identity, signal: over.signal }, 1),
      use: async (renewed) => {
        credential = renewed;
        await connection.swapCredential(over.signal);
      },
      onRefused: (error) => {
        refused = error;
        log.error({ code: (error as { code?: string }).code }, (error as Error).message);
        ending.abort(error);
      },
      log,
      now,
      random,
      signal: over.signal,
    });
    // The server says why: revoked, or only expired while this machine slept.
    closing.push(connection.on("refused", () => renewal.trigger()));

    const lowestDisk = 256 * 1024 * 1024;
    const health = await serveHealth(
      config.healthPort,
      async () => {
        const space = await disk();
        return {
          bus: connection.connected ? "ok" : "not connected",
          docker: engine.facts ? "ok" : "does not answer",
          disk: space && space.free > lowestDisk ? "ok" : "nearly full, or not there",
          spool: spool.dropped === 0 || spool.unsent === 0 ? "ok" : "full: log lines are dropped",
        };
      },
      metrics,
    );
    closing.push(() => health.close());
    log.info(
      { agent, name: credential.agent.name, slots: slots.size, health: health.port },
      "the agent is ready",
    );

    const ended = (async () => {
      try {
        await claiming;
        if (!ending.signal.aborted) send(await beat());
        await drain({ active, spool, log, graceMs: ending.signal.aborted ? 0 : config.drainMs });
        // What is not mentioned now is nobody's: the server need not wait until it takes this agent for lost.
        if (!ending.signal.aborted) send(await beat());
      } finally {
        queue.close();
        over.abort();
        await Promise.allSettled([
          beating,
          sync.done,
          runtime.done(),
          cacheEvents.done,
          engine.done,
          renewal.done,
          firewall.done,
        ]);
        await closing.all();
      }
      if (refused !== undefined) throw refused;
      log.info({}, "the agent has ended");
    })();
    ended.catch(() => {}); // the caller has it
    return { id: agent, healthPort: health.port, ended };
  } catch (error) {
    await closing.all();
    throw error;
  }
}
