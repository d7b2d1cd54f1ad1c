import { type Docker, findContainers, receivedBytes } from "../docker/index.js";
import { labelKeys } from "./labels.js";
import { sideBySide } from "./side-by-side.js";

/** What a container that the proxy reaches has received from the network. */
export interface ContainerTraffic {
  readonly container: string;
  readonly environment: string;
  /** Since it was started; undefined where the engine does not count. */
  readonly bytes: number | undefined;
}

/** Questions to the engine. */
const AT_ONCE = 16;

/** Reads the counters of all of an agent's public containers that run. */
export async function publicTraffic(
  docker: Docker,
  agent: string,
  signal: AbortSignal,
): Promise<ContainerTraffic[]> {
  const labels = { [labelKeys.agent]: agent, "traefik.enable": "true" };
  const found = await findContainers(docker, labels, signal);
  const running = found.filter((one) => one.running);
  const traffic: ContainerTraffic[] = [];
  for (let from = 0; from < running.length; from += AT_ONCE)
    await sideBySide(running.slice(from, from + AT_ONCE), signal, async ({ id, labels: of }, either) => {
      const bytes = await receivedBytes(docker, id, either);
      traffic.push({ container: id, environment: of[labelKeys.environment] ?? "", bytes });
    });
  return traffic;
}
