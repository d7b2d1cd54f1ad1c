import { GalleyError } from "../errors/index.js";
import type { Manifest, Service } from "../manifest/index.js";

/**
 * The manifest with the project's secrets put where it asks for them: into the variables of the services that name them. Throws
 * `manifest_invalid` with every secret that is asked for and that the project does not have.
 */
export function withSecrets(manifest: Manifest, secrets: Readonly<Record<string, string>>): Manifest {
  const missing = new Set<string>();
  const need = (service: Service, name: string): string => {
    const value = Object.hasOwn(secrets, name) ? secrets[name] : undefined;
    if (value === undefined)
      missing.add(`service ${service.name} asks for the secret ${name}, which the project does not have`);
    return value ?? "";
  };
  const services = manifest.services.map((service) => {
    for (const name of service.build?.secrets ?? []) need(service, name);
    const given = (service.secrets ?? []).map((name) => [name, need(service, name)]);
    // What the manifest spells out is meant for this service, a secret of the same name for many.
    return { ...service, env: { ...Object.fromEntries(given), ...service.env } };
  });
  if (missing.size > 0) {
    throw new GalleyError("manifest_invalid", [...missing].join("\n"), {
      hint: "Set it in the project's secrets, or take it out of the manifest.",
    });
  }
  return { ...manifest, services };
}
