import { AckPolicy, DeliverPolicy, nanos } from "nats";
import type { z } from "zod";
import { anyEventSchema } from "../events/index.js";
import type { BusConnection } from "./connection.js";
import { largestMessage } from "./connection.js";
import type { Delivery } from "./delivery.js";
import { persist } from "./jetstream-error.js";
import { ensureConsumer } from "./job-consumers.js";
import type { BusLog } from "./log.js";
import { eventBatch } from "./messages.js";
import { type Pull, pull } from "./pull.js";
import { parseBody } from "./receive.js";
import { streamManager } from "./streams.js";
import { streams } from "./subjects.js";
import { backoffMs, pause } from "./within.js";

export type IncomingEvent = z.infer<typeof anyEventSchema>;

/** Events that one agent sent in one message: all of one deployment, whose id is in each, and whose agent is the sender. */
export interface IncomingBatch {
  readonly kind: "events" | "logs";
  /** Whose credential sent it. Whether the deployment is that agent's, and the attempt the current one, only the database knows. */
  readonly agent: string;
  readonly deployment: string;
  readonly attempt: number;
  /** In the order of their `seq`; at least one. Types may be unknown, and their own fields anything. */
  readonly events: readonly IncomingEvent[];
}

export interface ConsumeOptions {
  readonly connection: BusConnection;
  readonly log: BusLog;
  /**
   * Takes batches in, in the order of each stream; never called again before it has settled. When it rejects, it gets the same batches again
   * after a while, for as long as it takes; one that fails alone while others succeed is given up after `mostFailures`. It may see any
   * batch twice, as the bus delivers again what it did not hear an acknowledgement of.
   */
  readonly handler: (batches: readonly IncomingBatch[]) => Promise<void>;
  readonly signal?: AbortSignal;
  /** Default 5. */
  readonly mostFailures?: number;
}

export interface EventConsumer {
  readonly stats: {
    /** Batches that the handler took. */
    readonly taken: number;
    /** Messages that were not what they should be, and were removed. */
    readonly malformed: number;
    /** Batches that the handler could not take, and were given up. */
    readonly poisonous: number;
  };
  /** Waits for the handler if it runs, and hands back what it did not come to. */
  close(): Promise<void>;
}

/** Durable name of the server's consumers; several servers share them, but then one deployment's batches are not in order. */
const durable = "ingest";
/** How long it takes until what was on its way when the bus crashed comes again, after what is newer. */
const ackWaitMs = 10_000;
/** Messages of one pull, and most bytes of them. */
const pullBatch = 100;
const pullBytes = 8 * 1024 * 1024;
/** Batches of one call of the handler. */
const mostAtOnce = 64;
/** With so many in memory, no more are pulled. */
const mostHeld = 200;

interface Waiting {
  readonly delivery: Delivery;
  readonly batch: IncomingBatch;
}

/** Makes the server's consumers on EVENTS and LOGS when they are not there, and takes in what agents send until closed. */
export async function consumeEvents(options: ConsumeOptions): Promise<EventConsumer> {
  const { connection, log, handler, signal, mostFailures = 5 } = options;
  const manager = await streamManager(connection);
  const settings = {
    durable_name: durable,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: -1,
    max_ack_pending: 1_000,
  };
  for (const stream of [streams.events, streams.logs])
    await persist(`make the consumer of ${stream}`, () => ensureConsumer(manager, stream, settings), {
      signal,
    });

  const closed = new AbortController();
  const stats = { taken: 0, malformed: 0, poisonous: 0 };
  /** Arrived, and not in the handler's hands. */
  let waiting: Waiting[] = [];
  /** In the handler's hands, until it has taken them. */
  let left: Waiting[] = [];
  const pulls = new Set<Pull>();
  let sleepers: (() => void)[] = [];
  /** Called when something came, was taken, or all ends. */
  const changed = () => {
    const woken = sleepers;
    sleepers = [];
    for (const wake of woken) wake();
  };
  const change = () => new Promise<void>((resolve) => sleepers.push(resolve));

  const onDelivery = (delivery: Delivery) => {
    if (closed.signal.aborted) return delivery.nak(0);
    const batch = asBatch(delivery);
    if (typeof batch === "string") {
      stats.malformed += 1;
      log.warn(
        { subject: delivery.subject, sequence: delivery.sequence, reason: batch },
        "a message was removed",
      );
      return delivery.term();
    }
    waiting.push({ delivery, batch });
    changed();
  };

  const keepPulling = async (stream: string) => {
    let failures = 0;
    while (!closed.signal.aborted) {
      if (waiting.length + left.length >= mostHeld || !connection.connected) {
        await change();
        continue;
      }
      const one = pull(connection, {
        stream,
        consumer: durable,
        batch: pullBatch,
        maxBytes: pullBytes,
        expiresMs: 5_000,
        onDelivery,
      });
      pulls.add(one);
      const end = await one.ended;
      pulls.delete(one);
      if (end.kind === "done") failures = 0;
      else {
        if (end.kind === "refused" && failures === 0)
          log.warn({ stream, reason: end.reason }, "the bus gives no events");
        failures += 1;
        await pause(backoffMs(failures, 50, 5_000), closed.signal);
      }
    }
  };

  const keepHandling = async () => {
    while (!closed.signal.aborted) {
      if (waiting.length === 0) {
        await change();
        continue;
      }
      await takeIn();
    }
  };

  /**
   * Until the handler has taken all that is here, or all but what it never will; or until the end, when the rest is handed back. What comes
   * meanwhile takes part: it shows whether the database fails or a batch does.
   */
  const takeIn = async () => {
    const failed = new Map<Waiting, number>();
    const extend = setInterval(() => {
      for (const { delivery } of [...left, ...waiting]) delivery.working();
    }, ackWaitMs / 3);
    try {
      for (let failures = 0; left.length + waiting.length > 0 && !closed.signal.aborted; failures += 1) {
        left = [...left, ...waiting.splice(0, Math.max(1, mostAtOnce - left.length))];
        changed();
        try {
          await tryThese(left);
          return;
        } catch (error) {
          log.error(
            { batches: left.length, error: String(error) },
            "events could not be taken in; trying again",
          );
        }
        // Apart, so that one of them does not keep the others.
        if (left.length > 1) await takeApart(left, failed);
        for (const [one, count] of failed) if (count >= mostFailures && left.includes(one)) giveUp(one);
        if (left.length > 0) await pause(backoffMs(failures, 100, 10_000), closed.signal);
      }
    } finally {
      clearInterval(extend);
      for (const { delivery } of left) delivery.nak(0);
      left = [];
    }
  };

  const tryThese = async (some: readonly Waiting[]) => {
    await handler(some.map(({ batch }) => batch));
    for (const { delivery } of some) delivery.ackSoon();
    stats.taken += some.length;
    left = some === left ? [] : left.filter((one) => !some.includes(one));
    changed();
  };

  const giveUp = (one: Waiting) => {
    const { agent, deployment, attempt, kind } = one.batch;
    log.error({ agent, deployment, attempt, kind }, "events were given up: they are not taken in");
    stats.poisonous += 1;
    one.delivery.term();
    left = left.filter((other) => other !== one);
  };

  const takeApart = async (some: readonly Waiting[], failed: Map<Waiting, number>) => {
    const failing: Waiting[] = [];
    let taken = 0;
    for (const one of some) {
      if (closed.signal.aborted) return;
      // What comes after it waits for it.
      if (failing.some(({ delivery }) => delivery.subject === one.delivery.subject)) continue;
      try {
        await tryThese([one]);
        taken += 1;
      } catch (error) {
        failing.push(one);
        log.warn(
          { deployment: one.batch.deployment, error: String(error) },
          "a batch of events failed alone",
        );
      }
    }
    // When none succeeds, it is not theirs but the database's fault.
    if (taken > 0) for (const one of failing) failed.set(one, (failed.get(one) ?? 0) + 1);
  };

  const offs = [connection.on("back", changed), connection.on("lost", changed)];
  const loops = [keepPulling(streams.events), keepPulling(streams.logs), keepHandling()].map((loop) =>
    loop.catch((error: unknown) => log.error({ error: String(error) }, "taking in events has stopped")),
  );
  return {
    stats,
    close: async () => {
      closed.abort();
      changed();
      for (const one of pulls) one.end();
      await Promise.all(loops);
      for (const { delivery } of waiting) delivery.nak(0);
      waiting = [];
      for (const off of offs) off();
    },
  };
}

/** Or what is wrong with it. */
function asBatch(delivery: Delivery): IncomingBatch | string {
  const [, kind, agent, deployment, more] = delivery.subject.split(".");
  if ((kind !== "events" && kind !== "logs") || !agent || !deployment || more !== undefined)
    return "its subject";
  let content: z.infer<typeof eventBatch>;
  try {
    content = parseBody(delivery, eventBatch, largestMessage);
  } catch (error) {
    return (error as Error).message;
  }
  const events: IncomingEvent[] = [];
  for (const one of content.events) {
    const event = anyEventSchema.safeParse(one).data;
    if (!event) return "one of its events is none";
    if (event.agent !== agent || event.deployment !== deployment) return "one of its events is another's";
    const before = events.at(-1);
    if (before && (event.attempt !== before.attempt || event.seq <= before.seq))
      return "its events are not in order";
    events.push(event);
  }
  const { attempt } = events[0] as IncomingEvent;
  return { kind, agent, deployment, attempt, events };
}
