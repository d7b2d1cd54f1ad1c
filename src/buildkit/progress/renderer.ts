import type { BuildKitError } from "../errors.js";
import type { StepSourceMap } from "../solve/types.js";
import type { SolveStatus } from "./types.js";

/**
 * Where a renderer writes: `process.stderr` fits, so does a test's terminal. `write` answers false when the reader is
 * slow and `drain` is emitted when it has caught up, as Node's streams do.
 */
export interface ProgressOutput {
  write(chunk: string): boolean;
  readonly isTTY?: boolean | undefined;
  /** Size of the terminal in cells; without it 80 by 24 is taken. */
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  on(event: "resize" | "drain", listener: () => void): unknown;
  off(event: "resize" | "drain", listener: () => void): unknown;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `tick` every `milliseconds` without keeping the process alive; the answer stops it. */
  every(milliseconds: number, tick: () => void): () => void;
}

/** How a build ended. `image` is the image id or digest. `reused`: an image of the same inputs was there already. */
export type BuildOutcome =
  | {
      readonly kind: "built";
      readonly image?: string | undefined;
      readonly names?: readonly string[] | undefined;
      /** Files, and bytes of them, that the engine did not have yet. */
      readonly sent?: { readonly files: number; readonly bytes: number } | undefined;
    }
  | { readonly kind: "reused"; readonly image?: string | undefined }
  | { readonly kind: "failed"; readonly error: BuildKitError }
  | { readonly kind: "cancelled" };

/**
 * Shows the progress of one or several builds. `build` names one of them (a service); undefined where there is only one.
 * No call throws. What a slow output cannot take is bounded by each renderer as its own comment says.
 */
export interface ProgressRenderer {
  /** Announces a build before its first message, so that it has its place from the beginning. Optional. */
  start(build: string | undefined): void;
  /**
   * Resolves when the output has taken enough for the next message; undefined where that may come at once. A caller that waits
   * (`SolveOptions.onStatus` does) loses nothing to an output that is slow.
   */
  update(build: string | undefined, status: SolveStatus): Promise<void> | undefined;
  /** The lines of each step, where they are known (`SolveOptions.onSourceMap`). */
  sourceMap(build: string | undefined, map: StepSourceMap): void;
  /** A few words on what happens to the build outside of the solve: "pulling", "starting", "healthy". */
  note(build: string | undefined, text: string): void;
  /** Something that a person should know although the build goes on. One sentence; stays visible after the end. */
  warn(build: string | undefined, text: string): void;
  /** Ends one build. A failure is shown by tty, plain and quiet (`renderFailure`): the caller need not print it again. */
  finish(build: string | undefined, outcome: BuildOutcome): void;
  /**
   * Writes what is left, restores the terminal, and resolves when the output has taken everything, or gives up with
   * `signal`, without one after five seconds. The terminal is restored before this returns, so it is safe just before `process.exit`.
   */
  close(signal?: AbortSignal): Promise<void>;
}
