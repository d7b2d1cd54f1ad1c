import {
  type CancelReason,
  type DeploymentKind,
  type DeploymentState,
  isActive,
} from "../deployments/states.js";

export interface OpenDeployment {
  readonly id: string;
  readonly kind: DeploymentKind;
  readonly state: DeploymentState;
  readonly cancelReason: CancelReason | null;
}

export interface RequestDecision {
  /** Queued ones that the request makes pointless; they end at once. */
  readonly supersede: readonly string[];
  /** Under way ones to be stopped; they end when their agent says so, and the new one waits for that. */
  readonly cancel: readonly string[];
  /** An open deployment that does what is asked for already; no new one is made. */
  readonly join: string | null;
  /** There is nothing to take down, and nobody to ask: the new deployment is born in its final state. */
  readonly done: boolean;
}

/**
 * What a new request means for what is open in its environment. The latest request wins: nothing that was queued before it is
 * started any more. A take-down that has begun is left to its end, as half an environment is no good to anybody.
 *
 * @param open the environment's deployments that are not final
 * @param held whether an agent has, or may have, containers of the environment
 */
export function decideOnRequest(
  open: readonly OpenDeployment[],
  kind: DeploymentKind,
  held: boolean,
): RequestDecision {
  const joined = kind === "terminate" ? terminateOf(open) : undefined;
  const supersede = open
    .filter(({ id, state }) => state === "queued" && id !== joined?.id)
    .map(({ id }) => id);
  const active = open.filter((one) => isActive(one.state) && one.kind === "deploy");
  return {
    supersede,
    // One that a person has cancelled is on its way out; the reason that was given first stays.
    cancel: active.filter(({ cancelReason }) => cancelReason === null).map(({ id }) => id),
    join: joined?.id ?? null,
    done: kind === "terminate" && joined === undefined && !held && active.length === 0,
  };
}

/** A take-down under way serves a request for one as well as a queued one does, and sooner. */
function terminateOf(open: readonly OpenDeployment[]): OpenDeployment | undefined {
  const terminates = open.filter(({ kind }) => kind === "terminate");
  return terminates.find(({ state }) => isActive(state)) ?? terminates[0];
}
