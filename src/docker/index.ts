// A narrow port over the Docker Engine's API: images, containers, networks, and the names of images. Knows nothing of builds,
// manifests or previews.
export { connectDocker, type Docker, type DockerAddress, type DockerTls } from "./connect.js";
export {
  type ContainerLimits,
  type ContainerSpec,
  type ContainerState,
  containerEnd,
  findContainers,
  inspectContainer,
  removeContainer,
  startContainer,
} from "./containers.js";
export { type ContainerEvent, openContainerEvents } from "./events.js";
export { type EngineFacts, engineFacts } from "./facts.js";
export { type LocalImage, localImage, registryDigest, tagImage } from "./image-identity.js";
export {
  type ImageFacts,
  inspectImage,
  pullImage,
  pushImage,
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
export type { RegistryLogin, TransferOptions } from "./transfer.js";
export { ensureVolume, findVolumes, removeVolume } from "./volumes.js";
