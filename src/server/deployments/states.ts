import type { deploymentOutcomes, deploymentProgressStates } from "../../events/index.js";

/** In the order in which a deployment meets them; those from `running` on are final. */
export const deploymentStates = [
  "queued",
  "claimed",
  "preparing",
  "building",
  "starting",
  "running",
  "terminated",
  "failed",
  "cancelled",
  "superseded",
] as const;
export type DeploymentState = (typeof deploymentStates)[number];

/** An agent has claimed it and has not told its end. At most one deployment of an environment is in one of these. */
export const activeStates = ["claimed", "preparing", "building", "starting"] as const;
type ActiveState = (typeof activeStates)[number];

export const deploymentKinds = ["deploy", "terminate"] as const;
export type DeploymentKind = (typeof deploymentKinds)[number];

/** Why somebody wants a deployment stopped: a person, or a newer request for its environment. */
export const cancelReasons = ["cancelled", "superseded"] as const;
export type CancelReason = (typeof cancelReasons)[number];

export const isActive = (state: DeploymentState): state is ActiveState =>
  (activeStates as readonly string[]).includes(state);

/** No attempt of it is under way or will be. `running` is final: the job is done, the containers serve. */
export const isFinal = (state: DeploymentState): boolean => state !== "queued" && !isActive(state);

export interface DeploymentNow {
  readonly kind: DeploymentKind;
  readonly state: DeploymentState;
  readonly cancelReason: CancelReason | null;
  /** The end was written by the reconciler, for an agent that was not heard of any more. */
  readonly presumed: boolean;
  /** Something was requested for the same environment after it. */
  readonly outdated: boolean;
}

/** What an agent tells about the current attempt. */
export type Told =
  | { readonly type: "state"; readonly state: (typeof deploymentProgressStates)[number] }
  | { readonly type: "finished"; readonly outcome: (typeof deploymentOutcomes)[number] };

/**
 * Which state an event of the current attempt leads to, or null when it changes nothing.
 *
 * - States on the way only move forward: a repeated or late one changes nothing.
 * - A final state stays, with one exception. An end that the reconciler presumed is a guess, and the agent's own word about the
 *   same attempt is better than a guess, unless something newer was requested meanwhile.
 * - A queued deployment has no attempt yet, so that nothing can be told about it.
 */
export function stateAfter(now: DeploymentNow, told: Told): DeploymentState | null {
  const guessed = now.presumed && !now.outdated;
  if (told.type === "state") {
    if (isActive(now.state))
      return activeStates.indexOf(told.state) > activeStates.indexOf(now.state) ? told.state : null;
    // Of a deployment that was to be cancelled, only the end is of interest.
    return guessed && now.state === "failed" ? told.state : null;
  }
  if (!isActive(now.state) && !guessed) return null;
  const next = finalState(now, told.outcome);
  return next === now.state && !now.presumed ? null : next;
}

function finalState(now: DeploymentNow, outcome: (typeof deploymentOutcomes)[number]): DeploymentState {
  if (outcome === "cancelled") return now.cancelReason ?? "cancelled";
  if (!outcomeFits(now.kind, outcome)) return "failed";
  return outcome;
}

/** False for an end that makes no sense, such as `running` of a job that takes an environment down. */
export const outcomeFits = (kind: DeploymentKind, outcome: (typeof deploymentOutcomes)[number]): boolean =>
  outcome !== (kind === "deploy" ? "terminated" : "running");
