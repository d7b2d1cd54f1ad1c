import type { BuildRequest } from "./request.js";

/** Options of the Dockerfile frontend that BuildKit knows by these names. Pure; contexts and files are added by the caller. */
export function frontendAttrs(request: BuildRequest): Record<string, string> {
  const attrs: Record<string, string> = {
    // The engine's own images are used before a registry is asked, as `docker build` always did.
    "image-resolve-mode": request.pull ? "pull" : "local",
  };
  for (const [name, value] of Object.entries(request.buildArgs)) attrs[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(request.labels)) attrs[`label:${name}`] = value;
  if (request.target) attrs.target = request.target;
  if (request.platforms.length > 0) attrs.platform = request.platforms.join(",");
  if (request.noCache === true) attrs["no-cache"] = "";
  else if (request.noCache && request.noCache.length > 0) attrs["no-cache"] = request.noCache.join(",");
  if (request.addHosts.length > 0) attrs["add-hosts"] = request.addHosts.join(",");
  if (request.network !== "default") attrs["force-network-mode"] = request.network;
  if (request.shmSize) attrs["shm-size"] = String(request.shmSize);
  if (request.ulimits.length > 0) {
    attrs.ulimit = request.ulimits.map(({ name, soft, hard }) => `${name}=${soft}:${hard}`).join(",");
  }
  if (request.cgroupParent) attrs["cgroup-parent"] = request.cgroupParent;
  for (const [type, parameters] of Object.entries(request.attestations)) {
    if (parameters !== null) attrs[`attest:${type}`] = parameters;
  }
  if (request.call) attrs.requestid = subrequests[request.call];
  if (request.repoKey && attrs["build-arg:BUILDKIT_CACHE_MOUNT_NS"] === undefined) {
    attrs["build-arg:BUILDKIT_CACHE_MOUNT_NS"] = request.repoKey;
  }
  // Who is told by which line it was called looks for no other frontend.
  if (request.builtInFrontend) attrs.cmdline = "built-in";
  if (truthy(request.buildArgs.BUILDKIT_MULTI_PLATFORM)) attrs["multi-platform"] = "true";
  return attrs;
}

/** Names of the frontend's requests beside a build (BuildKit: frontend/subrequests). */
const subrequests = {
  check: "frontend.lint",
  outline: "frontend.outline",
  targets: "frontend.targets",
} as const;

/** Go's strconv.ParseBool: what people write into build arguments that switch something on. */
export function truthy(value: string | undefined): boolean {
  return value !== undefined && ["1", "t", "T", "true", "TRUE", "True"].includes(value);
}
