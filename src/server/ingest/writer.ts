import type { Logger } from "pino";
import { isDatabaseAway } from "../store/index.js";
import type { DropReason } from "./parse-batch.js";
import { type IncomingBatch, type WriteDeps, type WriteResult, writeBatches } from "./write-batches.js";

export interface WriterDeps extends WriteDeps {
  readonly log: Logger;
  /** After each transaction: what is new, for those who follow and for the metrics. */
  readonly written: (result: WriteResult) => void;
  /** Messages that were given up as the database refuses them. */
  readonly refused: (reason: DropReason) => void;
}

export interface Writer {
  /**
   * Resolves when the message is stored, or was looked at and dropped: it may be acknowledged. Rejects when the database is away: it
   * comes again. Messages are written in the order in which they are given; those that wait are written together.
   */
  add(batch: IncomingBatch): Promise<void>;
  /** Resolves when what was given is written. */
  idle(): Promise<void>;
}

/** Most messages of one transaction, and most events. */
const together = 64;
const mostEvents = 5000;

interface Waiting {
  readonly batch: IncomingBatch;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The one writer of events in this process; across processes, transactions take turns. */
export function createWriter(deps: WriterDeps): Writer {
  const queue: Waiting[] = [];
  let running: Promise<void> | undefined;

  const write = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const result = await writeBatches(
        deps,
        group.map(({ batch }) => batch),
      );
      deps.written(result);
      for (const { resolve } of group) resolve();
    } catch (error) {
      await divide(group, error);
    }
  };

  /** A message that the database refuses must not keep the others from being stored, nor come again for ever. */
  const divide = async (group: readonly Waiting[], error: unknown): Promise<void> => {
    if (isDatabaseAway(error)) for (const { reject } of group) reject(error);
    else if (group.length > 1) for (const one of group) await write([one]);
    else
      for (const { batch, reject, resolve } of group) {
        if (isTransient(error)) reject(error);
        else {
          const { agent, deployment } = batch;
          deps.log.error({ err: error, agent, deployment }, "a message could not be stored and was dropped");
          deps.refused("malformed");
          resolve();
        }
      }
  };

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      let events = 0;
      let count = 0;
      while (count < Math.min(queue.length, together) && events < mostEvents) {
        events += queue[count]?.batch.events.length ?? 0;
        count += 1;
      }
      await write(queue.splice(0, count));
    }
    running = undefined;
  };

  return {
    add: (batch) =>
      new Promise<void>((resolve, reject) => {
        queue.push({ batch, resolve, reject });
        running ??= Promise.resolve().then(run);
      }),
    idle: async () => {
      await running;
    },
  };
}

/** Deadlocks, serialization failures, timeouts, resources: classes 40, 53, 55, 57 and 58 of SQLSTATE, and whatever is no SQLSTATE. */
function isTransient(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code)) return /^(40|53|55|57|58)/.test(code);
  }
  return true;
}
