// Agents as the server knows them: made and revoked by people, admitted by a token or by the key that they hold. Knows what is kept of
// them and how the bus is told; must not know what they do with jobs.
export type { AgentBus } from "./agent-bus.js";
export { sendRevocations } from "./credentials.js";
export type { AgentDeps } from "./deps.js";
export { agentRoutes } from "./routes.js";
