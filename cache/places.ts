import { createHash } from "node:crypto";
import { join } from "node:path";
import { GalleyError } from "../src/errors/index.js";

/** Where a repository's caches lie. */
export interface CachePlaces {
  readonly root: string;
  /** `$GALLEY_DATA_DIR/cache/<repo-key>` */
  readonly directory: string;
  readonly index: string;
  /** Contents of stored mounts by digest. */
  readonly chunks: string;
  /** One record a build. */
  readonly builds: string;
  /** One file a mount that is being filled. */
  readonly filling: string;
  /** An image layout with the layers of all services, each blob once. */
  readonly layers: string;
  readonly lock: string;
  /** What a scope has stored of a mount. */
  mount(scope: string, id: string): string;
  /** Stored mounts of a scope. */
  mounts(scope: string): string;
  /** What a scope has stored of a service's layers. */
  layersOf(scope: string, service: string): string;
  /** What is known of layers that went to a registry: a folder a scope. */
  readonly registry: string;
  registryOf(scope: string, service: string): string;
}

const safeName = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** @throws GalleyError invalid_request for what is no repository key */
export function cachePlaces(dataDirectory: string, repoKey: string): CachePlaces {
  if (!safeName.test(repoKey) || repoKey.includes("..")) {
    throw new GalleyError("invalid_request", `${JSON.stringify(repoKey)} is no repository key.`, {
      hint: "`galley cache ls` lists those that there are.",
    });
  }
  const root = join(dataDirectory, "cache");
  const directory = join(root, repoKey);
  const fileOf = (service: string) => `${safeName.test(service) ? service : mountName(service)}.json`;
  return {
    root,
    directory,
    index: join(directory, "index.json"),
    chunks: join(directory, "chunks"),
    builds: join(directory, "builds"),
    filling: join(directory, "filling"),
    layers: join(directory, "layers"),
    lock: join(directory, "lock"),
    mounts: (scope) => join(directory, "mounts", scope),
    mount: (scope, id) => join(directory, "mounts", scope, `${mountName(id)}.json`),
    layersOf: (scope, service) => join(directory, "layers", scope, fileOf(service)),
    registry: join(directory, "registry"),
    registryOf: (scope, service) => join(directory, "registry", scope, fileOf(service)),
  };
}

/** A short name of a mount, by its id without namespace: ids are paths, or whatever a Dockerfile says. */
export function mountName(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 16);
}

export const isRepoKey = (name: string): boolean => safeName.test(name) && !name.includes("..");
