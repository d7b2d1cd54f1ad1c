// Events of made-up deployments, and what a stream has of them.
import type { BusConnection, SpooledEvent } from "../../src/bus/index.js";
import { createEventEnvelope } from "../../src/events/index.js";

/** Makes the events of one attempt, numbered from 1. */
export function eventsOf(agent: string, deployment: string, attempt = 1) {
  let ids = 0;
  const envelope = createEventEnvelope({
    now: () => Date.parse("2026-11-22T12:00:00.000Z"),
    newId: () => `${deployment}-${attempt}-${++ids}`,
    agent,
    project: "prj1",
    environment: "env1",
    deployment,
    attempt,
  });
  const made = (event: { type: string }) => envelope(event) as unknown as SpooledEvent;
  return {
    log: (text = "a line of a log, as long as they usually are, with some words in it") =>
      made({
        type: "step.log",
        step: "s1",
        lines: [{ stream: "stdout", text, at: "2026-11-22T12:00:00.000Z" }],
        clipped: false,
      } as { type: string }),
    note: (text = "note") => made({ type: "deployment.note", text } as { type: string }),
    finished: () =>
      made({
        type: "deployment.finished",
        outcome: "running",
        commit: null,
        url: null,
        services: [],
        duration: 1,
        error: null,
      } as { type: string }),
  };
}

export interface StoredEvent {
  readonly deployment: string;
  readonly attempt: number;
  readonly seq: number;
  readonly type: string;
  readonly text?: string;
}

/** Every event in a stream, in its order, and the ids of the messages, as the stream's leader has them. */
export async function stored(
  connection: BusConnection,
  stream: "EVENTS" | "LOGS",
): Promise<{ events: StoredEvent[]; messageIds: string[] }> {
  const manager = await connection.nats.jetstreamManager();
  const { first_seq: first, last_seq: last } = (await manager.streams.info(stream)).state;
  const events: StoredEvent[] = [];
  const messageIds: string[] = [];
  for (let from = first; from <= last; from += 64) {
    const sequences = range(from, Math.min(last, from + 63));
    const messages = await Promise.all(sequences.map((seq) => manager.streams.getMessage(stream, { seq })));
    for (const message of messages) {
      events.push(...message.json<{ events: StoredEvent[] }>().events);
      messageIds.push(message.header.get("Nats-Msg-Id"));
    }
  }
  return { events, messageIds };
}

/** Numbers of the events of one deployment, in the order in which the stream has them. */
export const seqs = (events: readonly StoredEvent[], deployment: string): number[] =>
  events.filter((event) => event.deployment === deployment).map(({ seq }) => seq);

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
