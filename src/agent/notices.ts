import { randomUUID } from "node:crypto";
import type { NoticeRequest } from "../bus/index.js";
import type { ServiceEvent } from "../preview/index.js";
import type { AgentLog } from "./log.js";
import { startTellLater } from "./tell-later.js";

export interface NoticesOptions {
  /** Rejects when the server was not reached. */
  readonly ask: (events: NoticeRequest["events"], signal: AbortSignal) => Promise<unknown>;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** Milliseconds until the server is asked again after it was away. Default 5,000. */
  readonly retryMs?: number;
}

/** Tells the server what happens to services, each once, also when it is away for a while. */
export function startNotices(options: NoticesOptions): {
  take(event: ServiceEvent): void;
  readonly done: Promise<void>;
} {
  const { add, done } = startTellLater({ ...options, what: "what happened to services" });
  return {
    take: ({ environment, deployment, service, at, type, exitCode, restarts }) => {
      if (!isId(environment)) return;
      add({
        key: randomUUID(),
        at,
        environment,
        deployment: isId(deployment) ? deployment : null,
        service: service.slice(0, 64),
        type,
        exitCode,
        restarts,
      });
    },
    done,
  };
}

/** A label may hold anything. */
const isId = (text: string) => /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text);
