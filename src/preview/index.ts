// From images to a running environment: its network, its containers in order, until they answer, and away again. Knows nothing of
// builds, queues or who asked.
export type { Owner } from "./labels.js";
export { type RunningEnvironment, type StartOptions, startEnvironment } from "./start.js";
export { stopEnvironment } from "./stop.js";
