import { setMaxListeners } from "node:events";
import type { ClaimedMessage } from "../bus/index.js";
import { type StopKind, StopReason } from "./stop-reason.js";

/** An attempt of a deployment that this agent has claimed and not ended. */
export interface ActiveRun {
  readonly deployment: string;
  readonly environment: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** Resolves when it has ended, whichever way. */
  readonly done: Promise<void>;
  /** The bus's message for it: the newest delivery, as that is the one which can be acknowledged. */
  message: ClaimedMessage;
}

/** How many ended deployments are remembered, so that a late delivery of one is not claimed again. */
const mostRemembered = 1_000;

/** What this agent is doing. */
export class ActiveRuns {
  readonly #runs = new Map<string, ActiveRun & { readonly controller: AbortController }>();
  readonly #ended = new Set<string>();
  readonly #settling = new Set<Promise<void>>();

  /** Begins an attempt. The returned function ends it. */
  begin(run: Pick<ActiveRun, "deployment" | "environment" | "attempt" | "message">): {
    readonly run: ActiveRun;
    readonly stop: (reason: unknown) => void;
    readonly end: () => void;
  } {
    const controller = new AbortController();
    // Every request of a deployment listens to it.
    setMaxListeners(0, controller.signal);
    let ended = () => {};
    const done = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const active = { ...run, controller, signal: controller.signal, done };
    this.#runs.set(run.deployment, active);
    const end = () => {
      if (this.#runs.get(run.deployment) === active) this.#runs.delete(run.deployment);
      ended();
    };
    return { run: active, stop: (reason) => controller.abort(reason), end };
  }

  get(deployment: string): ActiveRun | undefined {
    return this.#runs.get(deployment);
  }

  list(): ActiveRun[] {
    return [...this.#runs.values()];
  }

  /** Follows the acknowledgement of a run that is over. */
  async settle(given: Promise<void>): Promise<void> {
    this.#settling.add(given);
    try {
      await given;
    } finally {
      this.#settling.delete(given);
    }
  }

  /** Resolves when every acknowledgement that is under way has been given, or given up. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#settling);
  }

  /** Asks a run to end; false when there is none. The first reason counts. */
  stop(deployment: string, kind: StopKind): boolean {
    const run = this.#runs.get(deployment);
    run?.controller.abort(new StopReason(kind));
    return run !== undefined;
  }

  /** The last event of a deployment is safe: whatever comes of it later is old. */
  rememberEnded(deployment: string): void {
    this.#ended.add(deployment);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= mostRemembered) break;
      this.#ended.delete(oldest);
    }
  }

  hasEnded(deployment: string): boolean {
    return this.#ended.has(deployment);
  }

  /** Resolves when no other deployment than this is under way in its environment. Rejects with its signal's reason. */
  async environmentFree({ deployment, environment, signal }: ActiveRun): Promise<void> {
    for (;;) {
      const other = this.list().find(
        (run) => run.environment === environment && run.deployment !== deployment,
      );
      if (!other) return;
      await Promise.race([other.done, aborted(signal)]);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
