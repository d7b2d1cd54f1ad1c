import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JetStreamManager, nanos } from "nats";
import { z } from "zod";
import type { BusConnection } from "./connection.js";
import { apiErrorCode, apiErrors, persist } from "./jetstream-error.js";
import { jobMessage } from "./messages.js";
import { streamManager } from "./streams.js";
import { jobConsumer, streams, subjects } from "./subjects.js";
import { pause } from "./within.js";

/** A job that was delivered and not acknowledged, nor said to be worked on, for this long is delivered again. */
export const jobAckWaitMs = 30_000;

export interface JobConsumerOptions {
  /**
   * Deliveries of a message until `onDeadJob` hears of it. Default 100: attempts are counted by the claims, and an agent that cannot reach
   * the server hands a job back many times.
   */
  readonly maxDeliver?: number;
  readonly signal?: AbortSignal;
}

/** The consumer from which that agent, and nobody else, gets its jobs. Is there afterwards, whether or not it was before. */
export async function ensureJobConsumer(
  connection: BusConnection,
  agent: string,
  options: JobConsumerOptions = {},
): Promise<void> {
  const { maxDeliver = 100, signal } = options;
  const manager = await streamManager(connection);
  const doing = `make the consumer of the agent ${agent}`;
  await persist(doing, () => ensureConsumer(manager, streams.jobs, jobSettings(agent, maxDeliver)), {
    signal,
  });
}

const jobSettings = (agent: string, maxDeliver: number) => ({
  durable_name: jobConsumer(agent),
  filter_subject: subjects.jobs(agent),
  deliver_policy: DeliverPolicy.All,
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanos(jobAckWaitMs),
  max_deliver: maxDeliver,
  // Those that were handed back for later count as unacknowledged, too; what an agent holds, its slots limit.
  max_ack_pending: 256,
});

/** `add` on one that is there changes it on 2.9 and is an error from 2.10 on. */
export async function ensureConsumer(
  manager: JetStreamManager,
  stream: string,
  wanted: Partial<ConsumerConfig> & { durable_name: string },
): Promise<void> {
  const { durable_name: name, ack_wait, max_deliver, max_ack_pending } = wanted;
  let there: ConsumerConfig;
  try {
    there = (await manager.consumers.info(stream, name)).config;
  } catch (error) {
    if (apiErrorCode(error) !== apiErrors.consumerNotFound) throw error;
    try {
      await manager.consumers.add(stream, wanted);
    } catch (error) {
      // Another server has made it meanwhile.
      if (apiErrorCode(error) !== apiErrors.consumerNameExists) throw error;
    }
    return;
  }
  const same =
    there.ack_wait === ack_wait &&
    there.max_deliver === max_deliver &&
    there.max_ack_pending === max_ack_pending;
  const changes = { ack_wait, max_deliver, max_ack_pending };
  if (!same) await manager.consumers.update(stream, name, changes as ConsumerConfig);
}

/** For an agent that is no more: takes away its consumer and the jobs that wait for it. */
export async function removeJobConsumer(
  connection: BusConnection,
  agent: string,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const manager = await streamManager(connection);
  await persist(
    `remove the consumer of the agent ${agent}`,
    async () => {
      await deleteConsumer(manager, agent);
      await manager.streams.purge(streams.jobs, { filter: subjects.jobs(agent) });
    },
    options,
  );
}

async function deleteConsumer(manager: JetStreamManager, agent: string): Promise<void> {
  try {
    await manager.consumers.delete(streams.jobs, jobConsumer(agent));
  } catch (error) {
    if (apiErrorCode(error) !== apiErrors.consumerNotFound) throw error;
  }
}

export interface StoredJob {
  readonly sequence: number;
  readonly deployment: string;
  readonly kind: "deploy" | "terminate";
}

export interface JobQueueState {
  /** What the stream has for the agent, oldest first; at most 1,000. Malformed ones are not listed. */
  readonly jobs: readonly StoredJob[];
  /** Not delivered yet. */
  readonly pending: number;
  /** Delivered and neither acknowledged nor handed back. */
  readonly unacknowledged: number;
  /** How many pulls wait for a job now: 0 when the agent is away or has no free slot. */
  readonly waiting: number;
}

/** Undefined when the agent has no consumer. */
export async function inspectJobQueue(
  connection: BusConnection,
  agent: string,
  options: { signal?: AbortSignal } = {},
): Promise<JobQueueState | undefined> {
  const manager = await streamManager(connection);
  return persist(
    `tell of the jobs of the agent ${agent}`,
    async () => {
      try {
        const info = await manager.consumers.info(streams.jobs, jobConsumer(agent));
        const jobs = await storedJobs(connection, agent);
        const { num_pending: pending, num_ack_pending: unacknowledged, num_waiting: waiting } = info;
        return { jobs, pending, unacknowledged, waiting };
      } catch (error) {
        if (apiErrorCode(error) === apiErrors.consumerNotFound) return undefined;
        throw error;
      }
    },
    options,
  );
}

/**
 * After a crash of the bus a work queue may hold jobs that its consumer has lost and never delivers. When there are such, and nothing
 * is pending or being worked on, now and a second later, makes the consumer anew: then all are delivered, also those that had been
 * delivered too often. True when it did.
 */
export async function repairJobQueue(
  connection: BusConnection,
  agent: string,
  options: JobConsumerOptions = {},
): Promise<boolean> {
  const { signal } = options;
  const stuck = async () => {
    const state = await inspectJobQueue(connection, agent, options);
    return state !== undefined && state.jobs.length > 0 && state.pending === 0 && state.unacknowledged === 0;
  };
  if (!(await stuck())) return false;
  await pause(1_000, signal);
  signal?.throwIfAborted();
  if (!(await stuck())) return false;
  const manager = await streamManager(connection);
  await persist("remove a stuck consumer", () => deleteConsumer(manager, agent), { signal });
  await ensureJobConsumer(connection, agent, options);
  return true;
}

const storedSchema = z.looseObject({
  message: z.looseObject({ seq: z.int(), data: z.string().optional() }).optional(),
  error: z.looseObject({ code: z.int() }).optional(),
});

/** Reads them one by one, as no consumer may look at a work queue beside the agent's. */
async function storedJobs(connection: BusConnection, agent: string): Promise<StoredJob[]> {
  const jobs: StoredJob[] = [];
  for (let seq = 1; jobs.length < 1_000; ) {
    const body = JSON.stringify({ seq, next_by_subj: subjects.jobs(agent) });
    const answer = await connection.nats.request(`$JS.API.STREAM.MSG.GET.${streams.jobs}`, body, {
      timeout: 5_000,
    });
    const { message } = storedSchema.parse(answer.json());
    if (!message) return jobs;
    const job = parseJob(Buffer.from(message.data ?? "", "base64"));
    if (job) jobs.push({ sequence: message.seq, deployment: job.deployment, kind: job.kind });
    seq = message.seq + 1;
  }
  return jobs;
}

/** Undefined for what is no job. */
export function parseJob(data: Uint8Array) {
  try {
    return jobMessage.safeParse(JSON.parse(Buffer.from(data).toString("utf8"))).data;
  } catch {
    return undefined;
  }
}
