// What is asked for, in which order, and who does it: requests, cancels, the choice of an agent, publishing. The database decides and
// the bus only carries; nothing here knows what an agent does with a job.
export type { Jobs, QueueDeps, QueueSettings } from "./deps.js";
export { dispatchQueued } from "./dispatch.js";
export { publishJob } from "./publish.js";
export { type DeploymentRequest, requestDeployment } from "./request-deployment.js";
export { queueRoutes } from "./routes.js";
export { takeBack } from "./take-back.js";
