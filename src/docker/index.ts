// A narrow port over the Docker Engine's API: images, containers, networks, and the names of images. Knows nothing of builds,
// manifests or previews.

export { type ContainerFile, fileMode, putFiles } from "./archive.js";
export { connectDocker, type Docker, type DockerAddress, type DockerTls } from "./connect.js";
export type { ContainerLimits, ContainerSpec, HealthCheckSpec, VolumeMount } from "./container-spec.js";
export type { ContainerState } from "./container-state.js";
export {
  containerEnd,
  findContainers,
  imagesInUse,
  inspectContainer,
  removeContainer,
  startContainer,
  startCreated,
  stopContainer,
} from "./containers.js";
export { type ContainerEvent, openContainerEvents } from "./events.js";
export { type ExecEnd, execInContainer } from "./exec.js";
export { type EngineFacts, engineFacts } from "./facts.js";
export {
  findInRegistry,
  type LocalImage,
  localImage,
  registryDigest,
  registryPlatforms,
  tagImage,
} from "./image-identity.js";
export { type ImageUsage, imageUsage } from "./image-usage.js";
export {
  findImages,
  type ImageFacts,
  inspectImage,
  type ListedImage,
  listImages,
  pullImage,
  pushImage,
  removeImage,
} from "./images.js";
export { containerLog, type LogChunk, type LogOptions, lastLogLines } from "./logs.js";
export {
  connectNetwork,
  containersOnNetwork,
  createNetwork,
  disconnectNetwork,
  ensureNetwork,
  findNetworks,
  type NetworkSpec,
  removeNetwork,
  usedSubnets,
} from "./networks.js";
export { canonicalName, familiarName, type ImageReference, parseReference } from "./reference.js";
export { type ContainerStats, containerStats, receivedBytes } from "./stats.js";
export type { RegistryLogin, TransferOptions } from "./transfer.js";
export { ensureVolume, findVolumes, removeVolume } from "./volumes.js";
