// The status streams under test/fixtures/progress (its README says how they were recorded), and a clock to replay them by.
import { readFileSync } from "node:fs";
import { decodeRawJson } from "../../src/buildkit/progress/raw-json.js";
import type { Clock } from "../../src/buildkit/progress/renderer.js";
import type { SolveStatus } from "../../src/buildkit/progress/types.js";

const folder = new URL("../fixtures/progress/", import.meta.url);

export const recordings = [
  ...["20", "26", "28c"].flatMap((engine) =>
    ["basic", "cached", "fail", "cancel", "logs", "warn"].map((what) => `${engine}-${what}`),
  ),
  ...["26-link", "28c-link", "20-pull", "28c-pull"],
];

export function recordedLines(name: string): string[] {
  return readFileSync(new URL(`${name}.jsonl`, folder), "utf8")
    .trimEnd()
    .split("\n");
}

export function recorded(name: string): SolveStatus[] {
  return recordedLines(name).map((line) => {
    const status = decodeRawJson(line);
    if (status === undefined) throw new Error(`${name} has a line that is no status`);
    return status;
  });
}

/** A clock that stands still until it is told to go on; its ticks come in the order in which they are due. */
export class TestClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ every: number; next: number; tick: () => void }>();

  constructor(now = Date.parse("2026-11-22T17:00:00Z")) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  every(milliseconds: number, tick: () => void): () => void {
    const timer = { every: milliseconds, next: this.#now + milliseconds, tick };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get running(): number {
    return this.#timers.size;
  }

  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ next }) => next <= until).sort((a, b) => a.next - b.next)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.next);
      due.next += due.every;
      due.tick();
    }
    this.#now = until;
  }
}

/** Time of a message by the daemon's clock: the latest it mentions. */
export function timeOf(status: SolveStatus): number {
  const times = [
    ...status.vertexes.flatMap(({ started, completed }) => [started, completed]),
    ...status.statuses.map(({ timestamp }) => timestamp),
    ...status.logs.map(({ timestamp }) => timestamp),
  ];
  return Math.max(0, ...times.map((time) => (time === undefined ? 0 : Date.parse(time))));
}

/** Gives each message at its own time: what a renderer would have been told, and when. */
export function replay(
  messages: readonly SolveStatus[],
  clock: TestClock,
  take: (status: SolveStatus) => void,
): void {
  let last = 0;
  for (const message of messages) {
    const time = timeOf(message);
    if (last > 0 && time > last) clock.advance(time - last);
    last = Math.max(last, time);
    take(message);
  }
}

/** An output that keeps what it is given; `ready` false is a reader that has stopped to read. */
export class TestOutput {
  readonly isTTY = false;
  readonly columns = 100;
  readonly chunks: string[] = [];
  ready = true;
  readonly #listeners = new Set<() => void>();

  write(chunk: string): boolean {
    this.chunks.push(chunk);
    return this.ready;
  }

  on(event: "resize" | "drain", listener: () => void): void {
    if (event === "drain") this.#listeners.add(listener);
  }

  off(event: "resize" | "drain", listener: () => void): void {
    if (event === "drain") this.#listeners.delete(listener);
  }

  drain(): void {
    this.ready = true;
    for (const listener of [...this.#listeners]) listener();
  }

  get text(): string {
    return this.chunks.join("");
  }

  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}
