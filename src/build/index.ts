// From a request (a context, a Dockerfile, options) to an image: plans what BuildKit is asked, opens what it is served, runs
// builds side by side and tells what happens. Knows nothing of terminals, queues or containers.

export { type BuildImageOptions, type BuiltImage, buildImage } from "./build-image.js";
export { type BuildServicesOptions, buildServices, type ServiceBuildRequest } from "./build-services.js";
export { truthy } from "./frontend-attrs.js";
export { frontendImage } from "./frontend-image.js";
export { createInputImages, type InputImages } from "./keys-images.js";
export { coversAsked } from "./keys-paths.js";
export { type BuildRecord, recordBuild } from "./keys-record.js";
export { type PlannedBuild, type PlannedService, type PlanOptions, planServices } from "./plan.js";
export { proxyArgs } from "./proxy-args.js";
export type {
  BuildContext,
  BuildRequest,
  DockerfileSource,
  NamedContext,
  SecretSource,
  SshSource,
  Ulimit,
} from "./request.js";
export { emptyRequest } from "./request-defaults.js";
export { keepForReuse } from "./reuse.js";
