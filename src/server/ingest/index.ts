// Events from agents into the database: looked at, masked, fenced by agent and attempt, stored once and in order, and what they say of
// deployments done. Must not know who reads them.
export { type ListenDeps, listenForEvents } from "./listen.js";
export { type MaskValue, maskSecrets } from "./mask.js";
export { withPlainFailures } from "./plain-failure.js";
