import type { Logger } from "pino";
import type { AgentCommand, JobMessage } from "../../bus/index.js";
import type { Notices } from "../deployments/notices.js";
import type { Database } from "../store/index.js";

/** What the queue wants of the bus. All but `command` reject with `bus_unreachable` when it is away. */
export interface Jobs {
  /** Resolves with the message's number in the stream. */
  publish(agent: string, message: JobMessage): Promise<number>;
  /** Takes a job out of the stream, delivered or not; one that is gone is no error. */
  remove(seq: number): Promise<void>;
  /** Tells an agent something; it may be away and never hear it. */
  command(agent: string, command: AgentCommand): void;
}

export interface QueueSettings {
  /** Milliseconds between heartbeats of an agent. */
  readonly heartbeatMs: number;
  /** Milliseconds after which an environment is moved away from an agent that is not heard of. */
  readonly goneMs: number;
  /** What holds for projects that do not say otherwise; 0: never. */
  readonly ttlMs: number;
  readonly idleMs: number;
}

export interface QueueDeps {
  readonly db: Database;
  readonly jobs: Jobs;
  readonly notices: Notices;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly settings: QueueSettings;
}
