// What is kept for a repository, under its repo key in GALLEY_DATA_DIR/cache: stored cache mounts, records of its builds, and who may
// read what. The build room's callers ask it; it never asks the build room, and knows nothing of jobs, buses or terminals.
export { type AnswerOptions, answerCache } from "./answer.js";
export type { BuildCaches } from "./build-caches.js";
export { type Caches, openCaches } from "./caches.js";
export type { KeptOn } from "./collection.js";
export { contextName } from "./context-record.js";
export { exportCaches, type Moved } from "./export-caches.js";
export { hasBusybox } from "./helper.js";
export { type ImageUse, readImageUses } from "./image-uses.js";
export { importCaches } from "./import-caches.js";
export { keptBytes } from "./inspect.js";
export type { Keeper, Kept, Removed } from "./kept.js";
export type { LayerRegistry } from "./registry-layers.js";
export { cacheScope } from "./scope.js";
