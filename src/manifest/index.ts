// From a repository's files to one Manifest: the services that make up a preview. Knows files and their text, not engines,
// builds or containers.
export { parseManifest } from "./galley-yml.js";
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
export { readManifest } from "./read.js";
