import { afterEach } from "vitest";
import type { Docker } from "../../src/docker/index.js";
import { type IngressOptions, startIngress } from "../../src/ingress/index.js";

/** Steps of cleaning up: pushed as a test makes things, done after it, the last first. */
export type CleanUp = Pick<(() => unknown)[], "push">;

/** To be called once in a file, at its top. */
export function cleanUpAfterEach(): CleanUp {
  const steps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of steps.splice(0).reverse()) await step();
  });
  return steps;
}

/** An ingress until the end of the test; resolves with its port, when it has seen the containers that there are. */
export async function ingressOn(
  docker: Docker,
  cleanUp: CleanUp,
  more: Partial<IngressOptions> = {},
): Promise<number> {
  const abort = new AbortController();
  const log = { info: () => {}, warn: () => {} };
  const { port, closed } = await startIngress({ docker, port: 0, log, signal: abort.signal, ...more });
  cleanUp.push(() => {
    abort.abort();
    return closed;
  });
  return port;
}
