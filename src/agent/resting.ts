import type { SyncRequest } from "../bus/index.js";
import { withDeadline } from "../errors/index.js";
import { failureOf } from "./failure.js";
import type { AgentLog } from "./log.js";

/** What came of stopping or starting an environment's containers. */
export type Rested = SyncRequest["rested"][number];
type Kind = "hibernate" | "wake";

export interface RestingOptions {
  /** Each stops or starts the containers of an environment. */
  readonly act: Readonly<Record<Kind, (environment: string, signal: AbortSignal) => Promise<unknown>>>;
  /** There is something to tell. */
  readonly onOutcome: () => void;
  readonly log: AgentLog;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Milliseconds for one of them. Default: 15 minutes, as what it waits for has deadlines of its own. */
  readonly limitMs?: number;
}

/**
 * Hibernates and wakes environments beside deployments: who waits for a preview to wake does not wait for a slot. One thing at a time for an
 * environment, and nothing while a deployment is under way in it.
 */
export class Resting {
  readonly #options: RestingOptions;
  readonly #running = new Map<string, { kind: Kind | "alone"; stop: () => void; done: Promise<void> }>();
  readonly #held = new Map<string, number>();
  readonly #outcomes = new Map<string, Rested>();

  constructor(options: RestingOptions) {
    this.#options = options;
  }

  /** Does nothing when the same is under way; the opposite is ended first. */
  begin(kind: Kind, environment: string): void {
    const before = this.#running.get(environment);
    if (before?.kind === kind || this.#held.has(environment) || this.#options.signal.aborted) return;
    before?.stop();
    const stopped = new AbortController();
    const run = async () => {
      await before?.done;
      await this.#carryOut(kind, environment, stopped.signal);
      if (this.#running.get(environment) === entry) this.#running.delete(environment);
    };
    const entry = { kind, stop: () => stopped.abort(), done: run() };
    this.#running.set(environment, entry);
  }

  async #carryOut(kind: Kind, environment: string, stopped: AbortSignal): Promise<void> {
    const { act, log, onOutcome, signal, limitMs = 15 * 60_000 } = this.#options;
    const ended = AbortSignal.any([signal, stopped]);
    if (ended.aborted) return;
    log.info({ environment }, kind === "wake" ? "waking an environment" : "hibernating an environment");
    const state = kind === "wake" ? "running" : "hibernating";
    try {
      await act[kind](environment, withDeadline(ended, limitMs));
      if (ended.aborted) return;
      this.#outcomes.set(environment, { environment, state, error: null });
    } catch (error) {
      if (ended.aborted) return;
      const { code, message, hint } = failureOf(error);
      log.warn(
        { environment, code },
        `an environment could not be ${kind === "wake" ? "woken" : "hibernated"}`,
      );
      const cut = (text: string) => text.slice(0, 4_000);
      this.#outcomes.set(environment, {
        environment,
        state,
        error: { code, message: cut(message), hint: hint === null ? null : cut(hint) },
      });
    }
    onOutcome();
  }

  /** Carries out something else in an environment: what is under way there is ended first, and nothing is begun meanwhile. */
  async during<T>(environment: string, work: () => Promise<T>): Promise<T> {
    this.#held.set(environment, (this.#held.get(environment) ?? 0) + 1);
    try {
      const running = this.#running.get(environment);
      running?.stop();
      await running?.done;
      // It says what was, and not what the work makes of it.
      this.#outcomes.delete(environment);
      return await work();
    } finally {
      const held = (this.#held.get(environment) ?? 1) - 1;
      if (held > 0) this.#held.set(environment, held);
      else this.#held.delete(environment);
    }
  }

  /** Does something else in an environment where nothing is under way; what comes meanwhile waits for its end. */
  async alone(environment: string, work: () => Promise<void>): Promise<void> {
    if (this.#running.has(environment) || this.#held.has(environment) || this.#options.signal.aborted) return;
    const working = work();
    const done = working.catch(() => {});
    const entry = { kind: "alone" as const, stop: () => {}, done };
    this.#running.set(environment, entry);
    try {
      await working;
    } finally {
      if (this.#running.get(environment) === entry) this.#running.delete(environment);
    }
  }

  outcomes(): Rested[] {
    return [...this.#outcomes.values()];
  }

  /** The server has heard them. */
  told(outcomes: readonly Rested[]): void {
    for (const outcome of outcomes)
      if (this.#outcomes.get(outcome.environment) === outcome) this.#outcomes.delete(outcome.environment);
  }

  /** Resolves when nothing is under way any more; after the signal. */
  async ended(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }
}
