import { type DeploymentKind, type DeploymentState, isActive } from "./states.js";

export const environmentStates = [
  "pending",
  "building",
  "running",
  "hibernating",
  "terminated",
  "failed",
] as const;
export type EnvironmentState = (typeof environmentStates)[number];

/**
 * What an environment is, from its newest deployment that was not superseded and from whether containers of an earlier one still
 * serve: those stay until the new ones are healthy, so that a failed deployment leaves a running preview running, and a hibernated one hibernated.
 *
 * @param hibernated its containers are stopped
 */
export function environmentState(
  newest: { readonly kind: DeploymentKind; readonly state: DeploymentState },
  serving: boolean,
  hibernated = false,
): EnvironmentState {
  const up = hibernated ? "hibernating" : "running";
  if (newest.kind === "terminate") {
    if (newest.state === "terminated") return "terminated";
    if (newest.state === "failed") return "failed";
    return serving ? up : "pending";
  }
  if (newest.state === "running") return up;
  if (isActive(newest.state)) return "building";
  if (serving) return up;
  return newest.state === "failed" ? "failed" : "pending";
}
