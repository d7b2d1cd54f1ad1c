import { createInbox, type NatsError } from "nats";
import type { BusConnection } from "./connection.js";
import { asDelivery, type Delivery } from "./delivery.js";

export interface PullOptions {
  readonly stream: string;
  readonly consumer: string;
  /** Most messages of this pull. */
  readonly batch: number;
  /** Most bytes of this pull; default: no limit. */
  readonly maxBytes?: number;
  /** When the bus ends it, from now. */
  readonly expiresMs: number;
  /** Called for every message; for a moment after `end()`, too. Must not throw. */
  readonly onDelivery: (delivery: Delivery) => void;
}

/**
 * Why a pull ended: it has all its messages or its time is over (`done`), the bus went away or fell silent (`lost`: pull again),
 * or it refused, with its words.
 */
export type PullEnd =
  | { readonly kind: "done" }
  | { readonly kind: "lost" }
  | { readonly kind: "refused"; reason: string };

export interface Pull {
  readonly ended: Promise<PullEnd>;
  /** Wants no more. What is on its way already is still delivered, before `ended` resolves. */
  end(): void;
}

const heartbeatMs = 1_000;
/** A heartbeat late by this much is taken for missing: the bus is busy, or the consumer's leader is gone. */
const silenceMs = 3_000;

/**
 * Asks a pull consumer for messages once. The bus sends heartbeats meanwhile, so that a consumer whose leader died, or which the bus
 * forgot with a restart, is noticed in seconds. The library's `consume` may wait far longer after the loss of a leader.
 */
export function pull(connection: BusConnection, options: PullOptions): Pull {
  const { nats } = connection;
  const { stream, consumer, batch, maxBytes, expiresMs, onDelivery } = options;
  const inbox = createInbox(connection.inbox);
  let received = 0;
  let settle: (end: PullEnd) => void = () => {};
  const ended = new Promise<PullEnd>((resolve) => {
    settle = resolve;
  });
  const finish = (end: PullEnd) => {
    clearTimeout(silence);
    offLost();
    if (!subscription.isClosed()) subscription.unsubscribe();
    settle(end);
  };
  const listen = () => setTimeout(() => finish({ kind: "lost" }), silenceMs);
  let silence = listen();
  const offLost = connection.on("lost", () => finish({ kind: "lost" }));
  const subscription = nats.subscribe(inbox, {
    callback: (error, message) => {
      if (error) return finish({ kind: "refused", reason: wordsOf(error) });
      clearTimeout(silence);
      silence = listen();
      const delivery = message.subject === inbox ? undefined : asDelivery(message, nats);
      if (delivery) {
        received += 1;
        onDelivery(delivery);
        if (received >= batch) finish({ kind: "done" });
        return;
      }
      const code = message.headers?.code ?? 0;
      const description = message.headers?.description ?? "";
      if (code === 100) return; // heartbeat
      if (code === 404 || code === 408) return finish({ kind: "done" });
      if (code === 409 && /max ?bytes|batch completed/i.test(description)) return finish({ kind: "done" });
      if (code === 409 && /leadership change|server shutdown/i.test(description))
        return finish({ kind: "lost" });
      finish({ kind: "refused", reason: code === 503 ? "nobody answers" : `${code} ${description}` });
    },
  });
  const request = {
    batch,
    expires: expiresMs * 1_000_000,
    ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
    // The bus refuses heartbeats that are not at least twice in the pull's time.
    ...(expiresMs >= 2 * heartbeatMs ? { idle_heartbeat: heartbeatMs * 1_000_000 } : {}),
  };
  try {
    nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(request), {
      reply: inbox,
    });
  } catch (error) {
    finish({ kind: "refused", reason: wordsOf(error as Error) });
  }
  return {
    ended,
    end: () => {
      if (subscription.isClosed() || subscription.isDraining() || nats.isClosed()) return;
      // Drained, not unsubscribed: nobody would have what crosses it, until its ack wait is over.
      const done = () => finish({ kind: "done" });
      subscription.drain().then(done, done);
    },
  };
}

const wordsOf = (error: Error | NatsError): string => ("code" in error ? `${error.code}` : error.message);
