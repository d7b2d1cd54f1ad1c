import type { FailureKnown } from "../failure/index.js";

/** What ended a solve, with what only the one who ran it knows. Never leaves this folder: it becomes a BuildKitError. */
export class SolveFailure extends Error {
  override readonly name = "SolveFailure";
  readonly error: unknown;
  readonly known: Pick<FailureKnown, "sessionLost" | "channelLost" | "historyStatus">;

  constructor(error: unknown, known: SolveFailure["known"]) {
    super("the solve failed", { cause: error });
    this.error = error;
    this.known = known;
  }
}
