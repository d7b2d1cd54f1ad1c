// The HTTP server: who may call, what is taken, how failures are answered, limits, headers, health, the API's description. Rooms
// add their routes to it; it must not know what any of them does.
export {
  type Authenticator,
  actorOf,
  anybody,
  type Identity,
  identityOf,
  mayUse,
  publicAccess,
  requireScope,
  type Scope,
  scopes,
  sessionCookie,
} from "./access.js";
export { createHttp, type HttpOptions, previewPath } from "./app.js";
export { findDashboard } from "./dashboard-files.js";
export { goneOf, sendEvents } from "./event-reply.js";
export type { ReadyCheck } from "./health.js";
export { createLog, type LogLevel, logLevels } from "./log.js";
export { type RateLimits, tooMany } from "./rate-limits.js";
export type { App } from "./zod-app.js";
