// A narrow port over the Docker Engine's API: engine facts, images, containers, networks, and the names of images. Knows nothing
// of builds, manifests or previews.
export { canonicalName, familiarName, type ImageReference, parseReference } from "./reference.js";
