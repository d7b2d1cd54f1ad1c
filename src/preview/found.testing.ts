import type { FoundService } from "./found.js";

/** A container that runs: of the deployment `old` the first attempt, of all others the second, unless something else is said. */
export const container = (
  service: string,
  deployment: string,
  {
    check = {},
    ...more
  }: Partial<Omit<FoundService, "check">> & { check?: Partial<FoundService["check"]> } = {},
): FoundService => ({
  id: `${service}-${deployment}`,
  name: `${service}-${deployment}`,
  service,
  deployment,
  number: deployment === "old" ? 1 : 2,
  settings: "",
  alone: service === "db",
  running: true,
  healthy: false,
  completed: false,
  links: {},
  ...more,
  check: {
    needs: [],
    engine: false,
    gated: service === "web",
    routed: service === "web",
    once: false,
    mayEnd: false,
    seconds: 1,
    ...check,
  },
});
