import type { Manifest, Service } from "../manifest/index.js";

/** A service that listens on a port. */
export type PublicService = Service & { readonly expose: number };

/**
 * The services that get a host name, in the order of the manifest: all of kind `web` that expose a port; where there are none, those
 * of kind `api`; where there are none either, the first of kind `other`. Databases, caches, queues and workers never do.
 */
export function publicServices({ services }: Manifest): readonly PublicService[] {
  const exposed = services.filter((service): service is PublicService => service.expose !== undefined);
  for (const kind of ["web", "api"] as const) {
    const found = exposed.filter((service) => service.kind === kind);
    if (found.length > 0) return found;
  }
  return exposed.filter(({ kind }) => kind === "other").slice(0, 1);
}
