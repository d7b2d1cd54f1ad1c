import { GalleyError } from "../errors/index.js";

/**
 * Why a running deployment is to end: somebody `cancelled` it, a newer commit took its place (`superseded`), the server gave it to
 * another attempt (`fenced`), the agent hands it back (`drained`), or it took too long (`late`).
 */
export type StopKind = "cancelled" | "superseded" | "fenced" | "drained" | "late";

const sentences: Readonly<Record<StopKind, string>> = {
  cancelled: "The deployment was cancelled.",
  superseded: "A newer deployment took its place.",
  fenced: "Another attempt of the deployment is under way.",
  drained: "The agent was stopped; the deployment goes on when one is there again.",
  late: "The deployment took longer than two hours.",
};

/** The reason of the signal that ends a deployment. */
export class StopReason extends GalleyError {
  readonly kind: StopKind;

  constructor(kind: StopKind) {
    super(
      kind === "superseded" ? "superseded" : kind === "late" ? "deployment_timeout" : "interrupted",
      sentences[kind],
      {
        ...(kind === "late"
          ? { hint: "Look at which step takes so long; split the build, or make it smaller." }
          : {}),
      },
    );
    this.kind = kind;
  }
}

export function stopReasonOf(signal: AbortSignal): StopReason | undefined {
  return signal.reason instanceof StopReason ? signal.reason : undefined;
}
