import type { Msg, NatsConnection } from "nats";

/** A message as a JetStream consumer delivered it. */
export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  /** How often it has been delivered, from 1. */
  readonly delivery: number;
  /** In its stream. */
  readonly sequence: number;
  /** Resolves when the bus has it; rejects when the bus does not answer in time. */
  ack(timeoutMs: number): Promise<void>;
  /** As `ack`, but nobody says whether it arrived. */
  ackSoon(): void;
  nak(delayMs: number): void;
  working(): void;
  /** Never again. */
  term(): void;
}

/**
 * Where the bus wants the acknowledgement says which delivery it is: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.…`, with
 * domain and account's hash before the stream from some servers. Undefined for what no consumer delivered.
 */
export function asDelivery(message: Msg, nats: NatsConnection): Delivery | undefined {
  const { reply } = message;
  const tokens = reply?.split(".") ?? [];
  if (!reply || tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return undefined;
  const first = tokens.length === 9 ? 4 : 6;
  const delivery = Number(tokens[first]);
  const sequence = Number(tokens[first + 1]);
  if (!Number.isSafeInteger(delivery) || !Number.isSafeInteger(sequence) || delivery < 1) return undefined;
  const say = (what: string) => {
    if (!nats.isClosed()) nats.publish(reply, what);
  };
  return {
    subject: message.subject,
    data: message.data,
    delivery,
    sequence,
    ack: async (timeoutMs) => {
      await nats.request(reply, "+ACK", { timeout: timeoutMs });
    },
    ackSoon: () => say("+ACK"),
    nak: (delayMs) => say(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: delayMs * 1_000_000 })}` : "-NAK"),
    working: () => say("+WPI"),
    // A reason after it makes 2.9 ignore it.
    term: () => say("+TERM"),
  };
}
