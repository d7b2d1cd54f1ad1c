import type { GalleyError } from "../errors/index.js";
import type { FetchProgress } from "./fetch-progress.js";

/** What became of each ref of a batch: the commit's id, or why there is none. */
export type FetchResults = ReadonlyMap<string, string | GalleyError>;

export type RunBatch = (
  refs: readonly string[],
  signal: AbortSignal,
  onProgress: (progress: FetchProgress) => void,
) => Promise<FetchResults>;

interface Waiter {
  readonly refs: readonly string[];
  readonly onProgress: ((progress: FetchProgress) => void) | undefined;
  readonly resolve: (commits: ReadonlyMap<string, string>) => void;
  readonly reject: (reason: unknown) => void;
}

interface Batch {
  readonly refs: Set<string>;
  readonly waiters: Set<Waiter>;
  readonly abort: AbortController;
}

const commitId = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Shares the work of fetches of one mirror. One runs at a time; all that is asked for meanwhile is one fetch behind it. A
 * running one is joined for a commit by its id, which never becomes another one; for a branch or a pull request it is
 * not: it may have read the ref before the push that the caller has heard of. A fetch that nobody waits for any more is
 * ended.
 */
export class FetchQueue {
  private readonly run: RunBatch;
  private running: Batch | undefined;
  private next: Batch | undefined;

  constructor(run: RunBatch) {
    this.run = run;
  }

  /** Throws the error of the first ref that has one, or the signal's reason. */
  add(
    refs: readonly string[],
    signal: AbortSignal,
    onProgress?: (progress: FetchProgress) => void,
  ): Promise<ReadonlyMap<string, string>> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const batch = this.batchFor(refs);
      const waiter: Waiter = {
        refs,
        onProgress,
        resolve: (commits) => {
          signal.removeEventListener("abort", leave);
          resolve(commits);
        },
        reject: (reason) => {
          signal.removeEventListener("abort", leave);
          reject(reason);
        },
      };
      const leave = () => {
        batch.waiters.delete(waiter);
        if (batch.waiters.size === 0) {
          batch.abort.abort(signal.reason);
          if (this.next === batch) this.next = undefined;
        }
        waiter.reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      batch.waiters.add(waiter);
      if (this.running === undefined) this.startNext();
    });
  }

  private batchFor(refs: readonly string[]): Batch {
    const { running } = this;
    if (
      running !== undefined &&
      !running.abort.signal.aborted &&
      refs.every((ref) => commitId.test(ref) && running.refs.has(ref))
    ) {
      return running;
    }
    this.next ??= { refs: new Set(), waiters: new Set(), abort: new AbortController() };
    for (const ref of refs) this.next.refs.add(ref);
    return this.next;
  }

  private startNext(): void {
    // Everything that is asked for in one turn goes into one fetch.
    queueMicrotask(() => {
      const batch = this.next;
      if (batch === undefined || this.running !== undefined) return;
      this.next = undefined;
      this.running = batch;
      const tell = (progress: FetchProgress) => {
        for (const waiter of batch.waiters) waiter.onProgress?.(progress);
      };
      this.run([...batch.refs], batch.abort.signal, tell)
        .then(
          (results) => {
            for (const waiter of batch.waiters) settle(waiter, results);
          },
          (error: unknown) => {
            for (const waiter of batch.waiters) waiter.reject(error);
          },
        )
        .finally(() => {
          this.running = undefined;
          this.startNext();
        });
    });
  }
}

function settle(waiter: Waiter, results: FetchResults): void {
  const commits = new Map<string, string>();
  for (const ref of waiter.refs) {
    const result = results.get(ref);
    if (typeof result !== "string") {
      waiter.reject(result);
      return;
    }
    commits.set(ref, result);
  }
  waiter.resolve(commits);
}
