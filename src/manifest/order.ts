import { GalleyError } from "../errors/index.js";
import type { Service } from "./manifest.js";

/** Services in waves: each wave needs only services of earlier ones. Throws `manifest_invalid` for unknown names and circles. */
export function startOrder(services: readonly Service[]): readonly (readonly Service[])[] {
  const names = new Set(services.map((service) => service.name));
  for (const service of services) {
    for (const { service: needed } of service.dependsOn) {
      if (!names.has(needed)) {
        throw new GalleyError(
          "manifest_invalid",
          `service ${service.name} depends on ${needed}, which is not in the manifest`,
        );
      }
    }
  }
  const waves: Service[][] = [];
  const started = new Set<string>();
  let waiting = [...services];
  while (waiting.length > 0) {
    const wave = waiting.filter(({ dependsOn }) => dependsOn.every(({ service }) => started.has(service)));
    if (wave.length === 0) {
      throw new GalleyError(
        "manifest_invalid",
        `services depend on each other in a circle: ${waiting.map((service) => service.name).join(", ")}`,
      );
    }
    for (const service of wave) started.add(service.name);
    waves.push(wave);
    waiting = waiting.filter((service) => !started.has(service.name));
  }
  return waves;
}
