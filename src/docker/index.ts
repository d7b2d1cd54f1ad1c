// A narrow port over the Docker Engine's API: images, containers, networks, and the names of images. Knows nothing of builds,
// manifests or previews.
export { connectDocker, type Docker, type DockerAddress } from "./connect.js";
export {
  type ContainerSpec,
  type ContainerState,
  findContainers,
  inspectContainer,
  lastLogLines,
  removeContainer,
  startContainer,
} from "./containers.js";
export {
  type ImageFacts,
  inspectImage,
  pullImage,
  pushImage,
  type RegistryLogin,
  type TransferOptions,
} from "./images.js";
export { ensureNetwork, findNetworks, type NetworkSpec, removeNetwork } from "./networks.js";
export { canonicalName, familiarName, type ImageReference, parseReference } from "./reference.js";
