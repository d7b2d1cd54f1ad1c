// Events from agents into the database: looked at, masked, fenced by agent and attempt, stored once and in order, and what they say of
// deployments done. Knows neither the bus nor who reads.

export type { MaskValue } from "./mask.js";
export { maskSecrets } from "./mask.js";
export { parseBatch } from "./parse-batch.js";
export type { WriteResult } from "./write-batches.js";
export { createWriter, type Writer } from "./writer.js";
