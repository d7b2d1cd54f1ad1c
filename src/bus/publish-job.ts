import { randomUUID } from "node:crypto";
import { z } from "zod";
import { GalleyError } from "../errors/index.js";
import type { BusConnection } from "./connection.js";
import { apiErrorCode, apiErrors, persist } from "./jetstream-error.js";
import { parseJob } from "./job-consumers.js";
import type { BusLog } from "./log.js";
import { type JobMessage, jobMessage } from "./messages.js";
import { streamManager } from "./streams.js";
import { streams, subjects } from "./subjects.js";

/**
 * Puts a job into the agent's queue, once. A second call for the same deployment puts it there a second time: claims decide.
 * @returns where it is in the stream, for `deleteJob`.
 * @throws `bus_unreachable` after 10 s; the job may be in the queue all the same.
 */
export async function publishJob(
  connection: BusConnection,
  agent: string,
  message: JobMessage,
  options: { signal?: AbortSignal } = {},
): Promise<{ sequence: number }> {
  const subject = subjects.jobs(agent);
  const body = JSON.stringify(jobMessage.parse(message));
  const msgID = randomUUID(); // new with each call, so that a job can be sent again; the same for its repetitions
  const { seq } = await persist(
    `take the job ${message.deployment}`,
    () => connection.nats.jetstream().publish(subject, body, { msgID, timeout: 3_000 }),
    { ...options, timeoutMs: 10_000 },
  );
  return { sequence: seq };
}

/** Takes a job that nobody has claimed out of the queue. False when it is not there any more. */
export async function deleteJob(
  connection: BusConnection,
  sequence: number,
  options: { signal?: AbortSignal } = {},
): Promise<boolean> {
  const manager = await streamManager(connection);
  const gone: (number | undefined)[] = [
    apiErrors.noMessageFound,
    apiErrors.sequenceNotFound,
    apiErrors.streamMessageDeleteFailed,
  ];
  return persist(
    "delete a job",
    async () => {
      try {
        return await manager.streams.deleteMessage(streams.jobs, sequence);
      } catch (error) {
        if (gone.includes(apiErrorCode(error))) return false;
        throw error;
      }
    },
    options,
  );
}

export interface DeadJob {
  readonly agent: string;
  readonly message: JobMessage;
  readonly deliveries: number;
}

export interface DeadJobsOptions {
  readonly connection: BusConnection;
  readonly log: BusLog;
  /** The job is removed from the queue when this has resolved, and left there when it rejects. */
  readonly handler: (job: DeadJob) => Promise<void>;
}

const advisory = z.looseObject({ stream_seq: z.int(), deliveries: z.int() });

/**
 * Hears of jobs that were delivered as often as their consumer allows. The bus says it once, and to nobody in particular: what is
 * missed while the server is away, the reconciler finds by `inspectJobQueue`. Resolves when the bus knows that we listen.
 */
export async function onDeadJob(options: DeadJobsOptions): Promise<{ close(): void }> {
  const { connection, log } = options;
  const bury = async (data: Uint8Array) => {
    const said = advisory.safeParse(JSON.parse(Buffer.from(data).toString("utf8")));
    if (!said.success) return;
    const { stream_seq: sequence, deliveries } = said.data;
    const manager = await streamManager(connection);
    const stored = await manager.streams.getMessage(streams.jobs, { seq: sequence });
    const message = parseJob(stored.data);
    const agent = stored.subject.split(".")[2] ?? "";
    if (message) await options.handler({ agent, message, deliveries });
    await deleteJob(connection, sequence);
  };
  const subscription = connection.nats.subscribe(
    `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${streams.jobs}.*`,
    {
      queue: "server",
      callback: (error, message) => {
        if (error) return log.error({ error: error.message }, "dead jobs are not heard of");
        bury(message.data).catch((error: unknown) => {
          if (apiErrorCode(error) === apiErrors.noMessageFound) return; // another server was first
          log.error({ error: String(error) }, "a job that was delivered too often stays in the queue");
        });
      },
    },
  );
  try {
    await connection.nats.flush();
  } catch (error) {
    throw new GalleyError("bus_unreachable", "The connection to the bus was lost.", { cause: error });
  }
  return { close: () => subscription.unsubscribe() };
}
