import {
  type AgentCommand,
  type RuntimeLine,
  type RuntimeReply,
  runtimeBeatMs,
  runtimeWindow,
} from "../bus/index.js";
import type { CacheProgress, CacheQuestion } from "../cache-api/index.js";
import { GalleyError } from "../errors/index.js";
import { tellCacheAnswer } from "./cache-reply.js";
import { failureOf } from "./failure.js";
import { within } from "./within.js";

type Question = Extract<AgentCommand, { type: "logs" | "stats" | "cache" }>;
type Usage = Extract<RuntimeReply, { type: "stats" }>["services"];
type Body = RuntimeReply extends infer One
  ? One extends RuntimeReply
    ? Omit<One, "v" | "n">
    : never
  : never;

export interface ReadersOptions {
  readonly lines: (
    question: Extract<Question, { type: "logs" }>,
    signal: AbortSignal,
  ) => AsyncIterable<RuntimeLine>;
  readonly usage: (environment: string, signal: AbortSignal) => Promise<Usage>;
  readonly cache: (
    question: CacheQuestion,
    onProgress: (progress: CacheProgress) => void,
    signal: AbortSignal,
  ) => Promise<unknown>;
  /** False when there is no connection. */
  readonly send: (request: string, reply: RuntimeReply) => boolean;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** Milliseconds without a word of its reader after which one is ended. Default: three beats. */
  readonly silenceMs?: number;
}

/** Readers at once; further ones are told to come again. */
const most = 32;
/** Of them, those that ask about caches: their answers may read much of the disk. */
const mostCache = 4;
/** Of one message. */
const mostLines = 200;
const mostText = 64 * 1024;
/** Milliseconds in which lines gather for a message. */
const gatherMs = 50;

const stopped = () =>
  new GalleyError("agent_lost_contact", "The agent was stopped.", {
    hint: "It goes on when the agent is there again.",
  });

interface Reader {
  readonly type: Question["type"];
  /** Messages that may be sent in all. */
  upTo: number;
  heard: () => void;
  ring: () => void;
  readonly stop: AbortController;
}

/**
 * Answers those who read what the services of a preview print, or use, or who ask what is kept for repositories. Sends no more than the reader takes, holds the engine back meanwhile, and
 * ends when the reader is gone.
 */
export class Readers {
  readonly #options: ReadersOptions;
  readonly #readers = new Map<string, Reader>();

  constructor(options: ReadersOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get size(): number {
    return this.#readers.size;
  }

  /** Begins to answer. Never rejects. */
  async begin(question: Question): Promise<void> {
    const { request } = question;
    const { send, signal } = this.#options;
    if (this.#readers.has(request)) return;
    const busy = [...this.#readers.values()].filter(({ type }) => type === "cache").length >= mostCache;
    if (this.#readers.size >= most || (question.type === "cache" && busy)) {
      const error = {
        code: "rate_limited",
        message: "Too many read from this agent now.",
        hint: "Come again in a minute.",
      };
      send(request, { v: 1, n: 1, type: "end", error });
      return;
    }
    const reader: Reader = {
      type: question.type,
      upTo: runtimeWindow,
      heard: () => {},
      ring: () => {},
      stop: new AbortController(),
    };
    this.#readers.set(request, reader);
    const silence = setTimeout(() => reader.stop.abort(), this.#options.silenceMs ?? 3 * runtimeBeatMs);
    reader.heard = () => silence.refresh();
    const ended = AbortSignal.any([signal, reader.stop.signal]);
    ended.addEventListener("abort", () => reader.ring(), { once: true });
    let n = 0;
    const tell = async (body: Body): Promise<void> => {
      while (n >= reader.upTo && !ended.aborted)
        await new Promise<void>((resolve) => {
          reader.ring = resolve;
        });
      ended.throwIfAborted();
      n += 1;
      if (!send(request, { v: 1, n, ...body }))
        throw new GalleyError("bus_unreachable", "There is no connection to the bus.");
    };
    try {
      if (question.type === "stats")
        await tell({ type: "stats", services: await this.#options.usage(question.environment, ended) });
      else if (question.type === "cache")
        await tellCacheAnswer({
          answer: (onProgress, stop) => this.#options.cache(question.question, onProgress, stop),
          tell,
          ended,
        });
      else await this.#lines(question, ended, tell);
      await tell({ type: "end", error: null });
    } catch (error) {
      if (reader.stop.signal.aborted) return;
      // Told, so that the reader need not wait for a silence to be long enough.
      const { code, message, hint } = failureOf(signal.aborted ? stopped() : error);
      // Beyond what the reader takes, as it is the last.
      send(request, { v: 1, n: n + 1, type: "end", error: { code, message: message.slice(0, 4096), hint } });
    } finally {
      clearTimeout(silence);
      reader.stop.abort();
      this.#readers.delete(request);
    }
  }

  async #lines(
    question: Extract<Question, { type: "logs" }>,
    ended: AbortSignal,
    tell: (body: Body) => Promise<void>,
  ): Promise<void> {
    // At once: the reader sees that there is somebody.
    await tell({ type: "lines", lines: [] });
    const leave = new AbortController();
    const stop = AbortSignal.any([ended, leave.signal]);
    const iterator = this.#options.lines(question, stop)[Symbol.asyncIterator]();
    let next = iterator.next();
    let done = false;
    try {
      while (!done) {
        const batch: RuntimeLine[] = [];
        let text = 0;
        let first = await within(next, runtimeBeatMs, stop);
        while (first !== undefined) {
          if (first.done) {
            done = true;
            break;
          }
          batch.push(first.value);
          text += first.value.text.length;
          next = iterator.next();
          if (batch.length >= mostLines || text >= mostText) break;
          first = await within(next, gatherMs, stop);
        }
        if (batch.length > 0 || !done) await tell({ type: "lines", lines: batch });
      }
    } finally {
      leave.abort();
      next.catch(() => {});
      // Not awaited: it may be waiting for the engine, and ends with the signal.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  /** Its reader takes messages up to this number, and is there. */
  more(request: string, upTo: number): void {
    const reader = this.#readers.get(request);
    if (!reader) return;
    reader.heard();
    reader.upTo = Math.max(reader.upTo, upTo);
    reader.ring();
  }

  leave(request: string): void {
    this.#readers.get(request)?.stop.abort();
  }
}
