import { type Docker, type EngineFacts, engineFacts } from "../docker/index.js";
import type { AgentLog } from "./log.js";
import { pause } from "./pause.js";

/** Whether the engine answers, and what it is. */
export interface EngineWatch {
  /** As of the last look; undefined while it does not answer. */
  readonly facts: EngineFacts | undefined;
  /** Resolves when it answers. Rejects with the signal's reason. */
  ready(signal: AbortSignal): Promise<void>;
  readonly done: Promise<void>;
}

const everyMs = 10_000;
const everyWhileAwayMs = 1_000;

/** Looks at the engine now and then: one that is restarted should cost no deployment. */
export function watchEngine(
  docker: Docker,
  first: EngineFacts,
  { log, signal }: { readonly log: AgentLog; readonly signal: AbortSignal },
): EngineWatch {
  let facts: EngineFacts | undefined = first;
  const waiting = new Set<() => void>();
  const look = async () => {
    try {
      const found = await engineFacts(docker, signal);
      if (!facts) log.info({ version: found.version }, "the Docker Engine answers again");
      facts = found;
      for (const resolve of waiting) resolve();
      waiting.clear();
    } catch (error) {
      if (facts && !signal.aborted)
        log.error(
          { error: (error as Error).message },
          "the Docker Engine does not answer: no jobs are taken",
        );
      facts = undefined;
    }
  };
  const loop = async () => {
    while (!signal.aborted) {
      await pause(facts ? everyMs : everyWhileAwayMs, signal);
      if (!signal.aborted) await look();
    }
  };
  return {
    get facts() {
      return facts;
    },
    ready: async (ended) => {
      ended.throwIfAborted();
      if (facts) return;
      await new Promise<void>((resolve, reject) => {
        const answer = () => {
          ended.removeEventListener("abort", leave);
          resolve();
        };
        const leave = () => {
          waiting.delete(answer);
          reject(ended.reason);
        };
        waiting.add(answer);
        ended.addEventListener("abort", leave, { once: true });
      });
    },
    done: loop(),
  };
}
