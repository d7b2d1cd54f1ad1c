import type { Hook, Service } from "./manifest.js";
import { type Findings, suggestion } from "./text/findings.js";
import type { Place } from "./text/located.js";

/** Dependencies on services that are not there, and circles. */
export function checkServices(
  services: readonly Service[],
  placeOf: (service: string, needed: string) => Place,
  findings: Findings,
): void {
  const names = services.map(({ name }) => name);
  for (const { name, dependsOn } of services) {
    for (const { service: needed } of dependsOn) {
      if (names.includes(needed)) continue;
      const others = names.filter((other) => other !== name);
      findings.problem(
        placeOf(name, needed),
        `services.${name}.depends_on: found ${needed}, which is no service of this file${suggestion(needed, others, "its services")}`,
      );
    }
  }
  const circle = findCircle(services);
  const [first, second] = circle;
  if (first === undefined || second === undefined) return;
  findings.problem(
    placeOf(first, second),
    `services.${first}.depends_on: services wait for each other in a circle: ${circle.join(" → ")}`,
  );
}

export function checkHooks(
  hooks: readonly Hook[],
  services: readonly Service[],
  placeOf: (index: number) => Place,
  findings: Findings,
): void {
  const names = services.map(({ name }) => name);
  hooks.forEach(({ service }, index) => {
    if (names.includes(service)) return;
    findings.problem(
      placeOf(index),
      `found ${service}, which is no service of this file${suggestion(service, names, "its services")}`,
    );
  });
}

/** The names on a circle, the first again at its end; empty where there is none. */
export function findCircle(services: readonly Service[]): readonly string[] {
  const needs = new Map(
    services.map(({ name, dependsOn }) => [name, dependsOn.map(({ service }) => service)]),
  );
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): readonly string[] => {
    const before = way.indexOf(name);
    if (before >= 0) return [...way.slice(before), name];
    if (done.has(name)) return [];
    for (const needed of needs.get(name) ?? []) {
      const circle = visit(needed, [...way, name]);
      if (circle.length > 0) return circle;
    }
    done.add(name);
    return [];
  };
  for (const { name } of services) {
    const circle = visit(name, []);
    if (circle.length > 0) return circle;
  }
  return [];
}
