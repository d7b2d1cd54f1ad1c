// From a repository's files to one Manifest: the services that make up a preview. Knows files and their text, not engines,
// builds or containers.
export { galleyJsonSchema } from "./galley/json-schema.js";
export { interpolate, type Variables } from "./interpolate.js";
export type {
  ContainerHealthCheck,
  Dependency,
  Hook,
  Manifest,
  ManifestWarning,
  Service,
  ServiceBuild,
  ServiceFile,
  ServiceVolume,
} from "./manifest.js";
export { startOrder } from "./order.js";
export { type PreviewFacts, previewVariables } from "./preview-variables.js";
export { parseManifest, readManifest } from "./read.js";
export type { ReadOptions } from "./read-options.js";
export { filesOfTree, type RepositoryFiles } from "./repository-files.js";
export { formatFinding } from "./text/findings.js";
