import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import {
  askRuntime,
  type BusConnection,
  type BusKeys,
  connectBus,
  deleteJob,
  ensureJobConsumer,
  ensureStreams,
  inspectJobQueue,
  issueAgentCredential,
  publishJob,
  type RuntimeAsk,
  type RuntimeReply,
  removeJobConsumer,
  repairJobQueue,
  revokeAgentKey,
  type StreamOptions,
  sendCommand,
  serverCredential,
  syncRevocations,
  systemCredential,
} from "../../bus/index.js";
import { GalleyError } from "../../errors/index.js";
import type { AgentBus } from "../agents/index.js";
import type { Jobs } from "../queue/index.js";
import type { InspectJobs } from "../reconciler/index.js";

export interface BusLinkOptions {
  readonly keys: BusKeys;
  readonly servers: readonly string[];
  /** See `connectBus`. */
  readonly caFile?: string | undefined;
  readonly streams?: StreamOptions;
  readonly log: Logger;
  /**
   * When the bus is there with its streams, for the first time or again: begins to take in what they bring. What it returns ends that, and is
   * called before the next. Called again when it rejects.
   */
  readonly listen: (connection: BusConnection) => Promise<() => Promise<void>>;
  /**
   * Once, behind the first `listen`: begins to answer. The connection subscribes anew by itself; were that ended and begun again whenever the bus is
   * back, agents would ask in between and hear that there is no server. What it returns ends it. Called again when it rejects.
   */
  readonly answer: (connection: BusConnection) => Promise<() => Promise<void>>;
  /** The bus is there, for the first time or again. */
  readonly back: () => void;
}

/** The server's hold on the bus. Everything rejects with `bus_unreachable` at once while there is none. */
export interface BusLink {
  readonly jobs: Jobs;
  readonly agents: AgentBus;
  readonly inspectJobs: InspectJobs;
  /** Makes the consumer of an agent anew when it delivers nothing though there is something. */
  repairConsumer(agent: string): Promise<void>;
  /** As `askRuntime`. */
  ask(agent: string, ask: RuntimeAsk, signal: AbortSignal): AsyncGenerator<RuntimeReply>;
  /** Throws `bus_unreachable` while the bus is away or not listened to yet. */
  check(): void;
  stop(): Promise<void>;
}

interface Connected {
  readonly application: BusConnection;
  /** In the system account, for revocations. */
  readonly system: BusConnection;
  readonly unlisten: () => Promise<void>;
}

/**
 * Connects in the background and stays connected: the server starts without a bus, and says in `/readyz` that it has none. What it
 * would have told the bus is in the database, and the reconciler tells it later.
 */
export function openBusLink(options: BusLinkOptions): BusLink {
  const { keys, log } = options;
  const stopping = new AbortController();
  let connected: Connected | undefined;

  const need = (): Connected => {
    if (connected?.application.connected) return connected;
    throw new GalleyError("bus_unreachable", "The server has no connection to the bus now.", {
      hint: "What was asked for is kept, and goes on when the bus is back.",
    });
  };
  const connecting = connectForEver(options, stopping.signal, (made) => {
    connected = made;
  });
  connecting.catch((error: unknown) => log.error({ err: error }, "the bus is not connected to any more"));

  return {
    jobs: {
      publish: async (agent, message) =>
        (await publishJob(need().application, agent, message, { signal: stopping.signal })).sequence,
      remove: async (seq) => {
        await deleteJob(need().application, seq, { signal: stopping.signal });
      },
      command: (agent, command) => {
        if (connected) sendCommand(connected.application, agent, command);
      },
    },
    agents: {
      issue: (request) => issueAgentCredential(keys, request),
      revoke: (publicKey) => revokeAgentKey(need().system, keys, publicKey),
      ensureConsumer: (agent) => ensureJobConsumer(need().application, agent, { signal: stopping.signal }),
      removeConsumer: (agent) => removeJobConsumer(need().application, agent, { signal: stopping.signal }),
    },
    inspectJobs: async (agent) => {
      const found = await inspectJobQueue(need().application, agent, { signal: stopping.signal });
      return (
        found && {
          stored: found.jobs.map(({ deployment }) => deployment),
          pending: found.pending,
          unacked: found.unacknowledged,
        }
      );
    },
    repairConsumer: async (agent) => {
      if (await repairJobQueue(need().application, agent, { signal: stopping.signal }))
        log.warn({ agent }, "the consumer of an agent was stuck and was made anew");
    },
    ask: (agent, ask, signal) =>
      askRuntime({
        connection: need().application,
        agent,
        ask,
        log,
        signal: AbortSignal.any([signal, stopping.signal]),
      }),
    check: () => void need(),
    stop: async () => {
      stopping.abort(new GalleyError("interrupted", "The server is stopping."));
      await connecting.catch(() => {}); // told above
      if (!connected) return;
      await connected.unlisten();
      await Promise.all([connected.application.close(), connected.system.close()]);
    },
  };
}

/**
 * A bus that is not there, or a cluster that has no leader yet, is waited for as long as it takes; after so many milliseconds the log
 * says so, and again with each further try.
 */
const sayAfterMs = 5_000;

async function connectForEver(
  options: BusLinkOptions,
  signal: AbortSignal,
  done: (made: Connected) => void,
): Promise<void> {
  await untilDone("the bus is not there yet", options.log, signal, async () => {
    done(await connect(options, signal));
    options.back();
  });
}

/** Again and again, with longer and longer pauses; returns when it was done, or when the signal says that it need not be. */
async function untilDone(
  not: string,
  log: Logger,
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, `${not}; trying again`);
      await pause(Math.min(500 * 2 ** failures, 10_000), undefined, { signal }).catch(() => {});
    }
  }
}

async function connect(options: BusLinkOptions, signal: AbortSignal): Promise<Connected> {
  const { keys, servers, caFile, log } = options;
  const open = async (name: string, { jwt, seed }: { jwt: string; seed: string }) =>
    connectBus({
      servers,
      caFile,
      credential: () => jwt,
      seed,
      inbox: `_INBOX_${name}`,
      name,
      log,
      signal,
      connectTimeoutMs: sayAfterMs,
    });
  const opened: BusConnection[] = [];
  try {
    const application = await open("server", await serverCredential(keys));
    opened.push(application);
    const system = await open("system", await systemCredential(keys));
    opened.push(system);
    const unlisten = await attach(options, { application, system }, signal);
    return { application, system, unlisten };
  } catch (error) {
    await Promise.all(opened.map((connection) => connection.close()));
    throw error;
  }
}

/**
 * Makes sure that the bus has what it should have, and listens; does so again whenever the bus was away, as it may have come back
 * without its files. Resolves with what ends all that.
 */
async function attach(
  options: BusLinkOptions,
  { application, system }: Pick<Connected, "application" | "system">,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const { keys, log, streams = {}, back } = options;
  let unlisten = async (): Promise<void> => {};
  let endAnswers: (() => Promise<void>) | undefined;
  const begin = async () => {
    await syncRevocations(system, keys);
    await ensureStreams(application, { ...streams, signal, timeoutMs: sayAfterMs });
    await unlisten();
    unlisten = async () => {};
    unlisten = await options.listen(application);
    endAnswers ??= await options.answer(application);
  };
  await begin();
  let last: Promise<void> = Promise.resolve();
  const off = application.on("back", () => {
    last = last.then(async () => {
      await untilDone("the bus is back, but not as it should be", log, signal, begin);
      if (!signal.aborted) back();
    });
  });
  return async () => {
    off();
    await last;
    await endAnswers?.();
    await unlisten();
  };
}
