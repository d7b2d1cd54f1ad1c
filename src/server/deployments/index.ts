// Deployments and environments: their states, what moves them, their rows, and how they are read over HTTP. Knows neither who builds
// nor how a job gets there.
export { type DeploymentError, type End, endDeployment } from "./end.js";
export { failures } from "./failures.js";
export type { FollowDeps, FollowTimes } from "./follow.js";
export { createNotices, type Notices } from "./notices.js";
export { holdsOrRuns, projectByName, readDeployment, readEnvironment } from "./read.js";
export { deploymentRoutes, idParams, nameParams } from "./routes.js";
export {
  type DeploymentRow,
  type EnvironmentRow,
  isOutdated,
  lockDeployment,
  lockEnvironment,
  openDeployments,
  refreshEnvironment,
} from "./rows.js";
export {
  type CancelReason,
  type DeploymentKind,
  type DeploymentState,
  isActive,
  isFinal,
  outcomeFits,
  stateAfter,
} from "./states.js";
export { deploymentView, environmentView, viewDeployment, viewEnvironment } from "./views.js";
