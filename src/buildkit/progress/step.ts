import { type Interval, mergeIntervals, totalDuration } from "./interval.js";
import { type LogLimits, StepLog } from "./step-log.js";
import { type Instant, instant } from "./time.js";
import type { Digest, Vertex, VertexStatus } from "./types.js";

export type StepState = "waiting" | "running" | "done" | "cached" | "failed" | "cancelled";

/** Something that a step sends, fetches, unpacks or exports: one `id` of BuildKit's statuses. */
export interface Transfer {
  readonly step: Digest;
  /** For example `transferring context:` or a layer's digest. */
  readonly id: string;
  /** Bytes; 0 where nothing is counted. */
  readonly current: number;
  /** Bytes; 0 when unknown. */
  readonly total: number;
  readonly at: Instant | undefined;
  readonly started: Instant | undefined;
  readonly completed: Instant | undefined;
}

const longestName = 2000;
const longestError = 16 * 1024;
const intervalsPerVertex = 64;
const transfersPerStep = 2000;

const cut = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit)}…` : text);

interface Member {
  vertex: Vertex;
  readonly intervals: Map<string, Interval>;
}

/** One row of a build: a vertex, or the vertices of one progress group (`COPY --link` makes two for one instruction). */
export class Step {
  /** The vertex's digest, or the id of the progress group. */
  readonly id: Digest;
  readonly log: StepLog;
  readonly #isGroup: boolean;
  readonly #members = new Map<Digest, Member>();
  readonly #transfers = new Map<string, Transfer>();
  #name = "";
  #intervals: readonly Interval[] = [];
  #endedAs: StepState | undefined;
  #order = -1;

  constructor(id: Digest, isGroup: boolean, limits: LogLimits) {
    this.id = id;
    this.#isGroup = isGroup;
    this.log = new StepLog(id, limits);
  }

  /** As BuildKit calls it, for example `[web 3/5] RUN npm ci`; hostile text: see `safeName`. Empty when not told yet. */
  get name(): string {
    return this.#name;
  }

  get vertices(): readonly Digest[] {
    return [...this.#members.keys()];
  }

  get inputs(): readonly Digest[] {
    const own = this.#members;
    return [...new Set([...own.values()].flatMap(({ vertex }) => vertex.inputs ?? []))].filter(
      (input) => !own.has(input),
    );
  }

  /** When it ran: sorted, merged, disjoint. */
  get intervals(): readonly Interval[] {
    return this.#intervals;
  }

  /** Place in the order in which steps first started, from 0; -1 before. */
  get order(): number {
    return this.#order;
  }

  get error(): string | undefined {
    for (const { vertex } of this.#members.values()) if (vertex.error) return cut(vertex.error, longestError);
    return undefined;
  }

  get state(): StepState {
    const error = this.error;
    if (error !== undefined) return error.endsWith("context canceled") ? "cancelled" : "failed";
    const last = this.#intervals.at(-1);
    if (last === undefined) return "waiting";
    if (this.#endedAs !== undefined) return this.#endedAs;
    if (last.stop === undefined) return "running";
    return [...this.#members.values()].every(({ vertex }) => vertex.cached === true) ? "cached" : "done";
  }

  /**
   * A group of which only weak members have started is not shown: BuildKit runs those members for every
   * `COPY --link`, also when the result comes from the cache.
   */
  get hidden(): boolean {
    if (!this.#isGroup || this.error !== undefined) return false;
    return ![...this.#members.values()].some(
      ({ vertex, intervals }) => intervals.size > 0 && !vertex.progressGroup?.weak,
    );
  }

  /** In order of their start; only those that have started, as nothing is known about the others. */
  get transfers(): readonly Transfer[] {
    return [...this.#transfers.values()].filter(({ started }) => started !== undefined);
  }

  /** Milliseconds that it ran, pauses left out. `now` in the daemon's time. */
  duration(now: Instant): number {
    return totalDuration(this.#intervals, now);
  }

  /** Takes a message about one of its vertices; answers whether anything changed that can be seen. */
  applyVertex(vertex: Vertex, nextOrder: () => number): boolean {
    const before = this.#members.get(vertex.digest);
    // A vertex that is announced again, without times, must not undo what is known of its run.
    if (before !== undefined && before.intervals.size > 0 && instant(vertex.started) === undefined)
      return false;
    const member = before ?? { vertex, intervals: new Map<string, Interval>() };
    const unchanged = before !== undefined && same(before.vertex, vertex);
    member.vertex = vertex;
    this.#members.set(vertex.digest, member);
    const name = (this.#isGroup ? vertex.progressGroup?.name : undefined) || vertex.name;
    if (name) this.#name = cut(name, longestName);
    const start = instant(vertex.started);
    if (start !== undefined && vertex.started !== undefined) {
      const stop = instant(vertex.completed);
      if (member.intervals.size >= intervalsPerVertex) collapse(member.intervals);
      // Keyed by its start, a run that is reported again replaces what was said of it before.
      member.intervals.set(
        vertex.started,
        stop === undefined ? { start } : { start, stop: Math.max(start, stop) },
      );
      this.#intervals = mergeIntervals(
        [...this.#members.values()].flatMap(({ intervals }) => [...intervals.values()]),
      );
      this.#endedAs = undefined;
      if (this.#order === -1) this.#order = nextOrder();
    }
    return !unchanged;
  }

  /** Takes a status; undefined when there are too many of them to be kept. */
  applyStatus(status: VertexStatus): Transfer | undefined {
    const id = cut(String(status.id ?? ""), longestName);
    const before = this.#transfers.get(id);
    if (before === undefined && this.#transfers.size >= transfersPerStep) return undefined;
    const transfer: Transfer = {
      step: this.id,
      id,
      current: finite(status.current),
      total: finite(status.total),
      at: instant(status.timestamp),
      started: instant(status.started) ?? before?.started,
      completed: instant(status.completed),
    };
    this.#transfers.set(id, transfer);
    return transfer;
  }

  /** The build is over: a step that is still open will not be heard of again. `now` in the daemon's time. */
  end(state: StepState, now: Instant): void {
    const last = this.#intervals.at(-1);
    if (last === undefined || last.stop !== undefined) return;
    this.#intervals = [
      ...this.#intervals.slice(0, -1),
      { start: last.start, stop: Math.max(last.start, now) },
    ];
    this.#endedAs = state;
  }
}

const finite = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : 0);

function same(a: Vertex, b: Vertex): boolean {
  return (
    a.name === b.name &&
    a.started === b.started &&
    a.completed === b.completed &&
    !a.cached === !b.cached &&
    a.error === b.error
  );
}

// Only a hostile or very unlucky stream has so many runs of one vertex: they become one.
function collapse(intervals: Map<string, Interval>): void {
  const merged = mergeIntervals([...intervals.values()]);
  const closed = merged.filter(({ stop }) => stop !== undefined);
  const start = closed[0]?.start;
  const ran = closed.reduce((sum, { start: from, stop }) => sum + (stop ?? from) - from, 0);
  const open = [...intervals].find(([, { stop }]) => stop === undefined);
  intervals.clear();
  if (start !== undefined) intervals.set("collapsed", { start, stop: start + ran });
  if (open) intervals.set(...open);
}
