// What agents ask and tell outside of events: claims, comparisons, heartbeats; and the server's own connection to the bus. Answers from
// the database; must not know HTTP.
export { type BusLink, type BusLinkOptions, openBusLink } from "./bus-link.js";
export { type ClaimDeps, claim, type ProjectForJob } from "./claim.js";
export { endDeadJob } from "./dead-job.js";
export { handBack } from "./hand-back.js";
export { hearHeartbeat } from "./heartbeat.js";
export { newestOnly } from "./newest-only.js";
export { createMasks } from "./secrets-cache.js";
export { sync } from "./sync.js";
