import { type BusConnection, noticeReply, request, sendRuntime } from "../bus/index.js";
import type { Docker } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";
import {
  bringBack,
  containerProbe,
  hibernateEnvironment,
  removeAttempt,
  serviceLogs,
  serviceStats,
  wakeEnvironment,
  watchServices,
} from "../preview/index.js";
import type { AgentConfig } from "./config.js";
import { askIngress } from "./ingress-switch.js";
import type { AgentLog } from "./log.js";
import { startNotices } from "./notices.js";
import { Readers, type ReadersOptions } from "./readers.js";
import { Resting } from "./resting.js";

export interface RuntimeOptions {
  readonly docker: Docker;
  /** Id. */
  readonly agent: string;
  readonly config: Pick<AgentConfig, "publicNetwork" | "probeImage" | "ingressSocket">;
  readonly connection: BusConnection;
  /** Answers what is asked about caches. */
  readonly cache: ReadersOptions["cache"];
  /** An environment sleeps or is awake now, or could not be brought to it. */
  readonly onSettled: () => void;
  /** Ids of environments in which a deployment was cut off that had stopped something, when this agent was killed. */
  readonly cutOff: readonly string[];
  readonly log: AgentLog;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/** What the agent does for environments between their deployments. */
export interface Runtime {
  readonly rest: Resting;
  readonly readers: Readers;
  /** Takes back what a deployment has left that is over and never served, unless something is under way in its environment. */
  undo(environment: string, deployment: string, signal: AbortSignal): Promise<void>;
  /** Resolves when all of it has ended; after the signal. */
  done(): Promise<void>;
}

/** Milliseconds to start an environment's databases again, after what stands in their place has written everything down. */
const bringBackMs = 180_000;

/** Sends to sleep and wakes, reads logs and usage for who asks, and tells what happens to services. */
export function startRuntime(options: RuntimeOptions): Runtime {
  const { docker, agent, config, connection, onSettled, cutOff, log, signal } = options;
  const { publicNetwork, probeImage, ingressSocket } = config;
  const moved = ingressSocket === undefined ? undefined : askIngress(ingressSocket);
  const probing = (environment: string) =>
    probeImage ? { probe: containerProbe(docker, { agent, project: "", environment }, probeImage) } : {};
  const rest = new Resting({
    act: {
      hibernate: (environment, ended) => hibernateEnvironment(docker, { agent, environment }, ended),
      wake: (environment, ended) => {
        const how = { publicNetwork, moved, ...probing(environment) };
        return wakeEnvironment(docker, { agent, environment }, how, ended);
      },
    },
    onOutcome: onSettled,
    log,
    signal,
  });
  const readers = new Readers({
    lines: ({ environment, service, since, tail, follow }, ended) => {
      const wanted = {
        service: service ?? undefined,
        since: since ?? undefined,
        tail: tail ?? undefined,
        follow,
        signal: ended,
      };
      return serviceLogs(docker, { agent, environment }, wanted);
    },
    usage: (environment, ended) => serviceStats(docker, { agent, environment }, ended),
    cache: options.cache,
    send: (id, reply) => sendRuntime(connection, agent, id, reply),
    signal,
  });
  const notices = startNotices({
    ask: (events, ended) =>
      request(connection, agent, "notice", { v: 1, events }, noticeReply, { signal: ended }),
    log,
    signal,
  });
  const watching = watchServices(docker, agent, notices.take, signal);
  // Before anything is claimed: what comes for one of them waits.
  const broughtBack = Promise.all(
    cutOff.map(async (environment) => {
      try {
        await rest.alone(environment, () => goOn(environment));
      } catch (error) {
        if (!signal.aborted)
          log.warn({ environment, error: (error as Error).message }, "what was stopped in it is still down");
      }
      // What the server wanted to have done in it meanwhile was not.
      onSettled();
    }),
  );
  async function goOn(environment: string): Promise<void> {
    const limit = withDeadline(signal, bringBackMs);
    const services = await bringBack(docker, { agent, environment }, limit);
    if (services.length > 0)
      log.info({ environment, services }, "started again what was stopped by a deployment that was cut off");
  }
  return {
    rest,
    readers,
    undo: async (environment, deployment, ended) => {
      const onNote = (text: string) => log.warn({ environment, deployment }, text);
      await rest.alone(environment, async () => {
        const how = { onNote, ...probing(environment) };
        const removed = await removeAttempt(docker, { agent, environment }, deployment, how, ended);
        if (removed > 0) log.info({ environment, deployment, removed }, "removed what a deployment had left");
      });
    },
    done: async () => void (await Promise.allSettled([rest.ended(), broughtBack, watching, notices.done])),
  };
}
