// The server's settings: read once from the environment, all of them checked before anything starts. Knows variables and nothing of
// what they are for.
export {
  durationForm,
  formatLifespan,
  lifespanForm,
  longestLife,
  parseDuration,
  parseLifespan,
} from "./duration.js";
export { parseConfig, type ServerConfig } from "./parse.js";
