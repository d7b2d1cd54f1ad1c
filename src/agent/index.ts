// The process that builds and runs previews: it bootstraps, claims jobs from the bus, carries them out, and tells what happens.
// Knows every room but the server's; none of them knows it.
export {
  type AgentConfig,
  parseAgentConfig,
  parseCacheBudget,
  type VariableDescription,
} from "./config.js";
export { repositoryImages } from "./kept-images.js";
export type { AgentLog } from "./log.js";
export { runAgentProcess } from "./process.js";
export { type RunningAgent, type StartAgentOptions, startAgent } from "./start.js";
