import type { BuildContext, BuildRequest } from "./request.js";

/** A request with every option at its default: the Dockerfile in the context's root, the engine's platform, no output. */
export function emptyRequest(context: BuildContext): BuildRequest {
  return {
    context,
    dockerfile: { kind: "in-context", path: "Dockerfile" },
    tags: [],
    buildArgs: {},
    labels: {},
    namedContexts: {},
    secrets: {},
    ssh: {},
    platforms: [],
    noCache: false,
    pull: false,
    addHosts: [],
    network: "default",
    ulimits: [],
    outputs: [],
    cacheFrom: [],
    cacheTo: [],
    attestations: {},
    allow: [],
  };
}
