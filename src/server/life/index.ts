// How long environments live and when they sleep: pinned, extended, expired, hibernated and woken. Writes down what should be; the queue
// takes environments down, and agents stop and start containers when they compare what they have with what should be.
export { expireEnvironment } from "./expire.js";
export { hibernateIdle } from "./idle.js";
export { type MaskOf, noteEvents, noteRequests, noteRested } from "./note.js";
export { lifeRoutes } from "./routes.js";
export { type WakingTimes, wakingRoutes } from "./waking-routes.js";
