import { type BusConnection, noticeReply, request, sendRuntime } from "../bus/index.js";
import type { Docker } from "../docker/index.js";
import {
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
  /** Of environments in which a deployment was cut off when this agent was killed: until they are seen to. From `settleCutOff`. */
  readonly cutOff: ReadonlyMap<string, Promise<void>>;
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
  const cutOffs = Promise.all(
    [...cutOff].map(async ([environment, settled]) => {
      await rest.alone(environment, () => settled);
      // What the server wanted to have done in it meanwhile was not.
      onSettled();
    }),
  );
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
    done: async () => void (await Promise.allSettled([rest.ended(), cutOffs, watching, notices.done])),
  };
}
