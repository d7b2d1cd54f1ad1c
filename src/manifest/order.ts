import { GalleyError } from "../errors/index.js";
import type { Service } from "./manifest.js";
import { Findings } from "./text/findings.js";
import { checkServices } from "./validate.js";

/** Services in waves: each wave needs only services of earlier ones. Throws `manifest_invalid` for unknown names and circles. */
export function startOrder(services: readonly Service[]): readonly (readonly Service[])[] {
  const findings = new Findings();
  checkServices(services, () => ({ file: "the manifest" }), findings);
  findings.throwIfFailed();
  const waves: Service[][] = [];
  const started = new Set<string>();
  let waiting = [...services];
  while (waiting.length > 0) {
    const wave = waiting.filter(({ dependsOn }) => dependsOn.every(({ service }) => started.has(service)));
    if (wave.length === 0)
      throw new GalleyError("manifest_invalid", "services wait for each other in a circle");
    for (const service of wave) started.add(service.name);
    waves.push(wave);
    waiting = waiting.filter((service) => !started.has(service.name));
  }
  return waves;
}
