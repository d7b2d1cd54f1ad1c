import { readFile } from "node:fs/promises";
import { type Docker, inspectContainer } from "../docker/index.js";
import type { AgentConfig } from "./config.js";

/** The engine mounts files of a container's own directory over these, whichever kind of cgroups, and whatever its host name is. */
const mountedFile = /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf) /;

/** Id of the container whose /proc/self/mountinfo this is. */
export const containerOf = (mountinfo: string): string | undefined => mountedFile.exec(mountinfo)?.[1];

/**
 * Id of the image that this process runs in. Undefined outside of containers, and in one of another engine than the agent's.
 *
 * @throws engine_unreachable, and the signal's reason
 */
export async function ownImage(docker: Docker, signal: AbortSignal): Promise<string | undefined> {
  // No Linux, no container.
  const mountinfo = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const id = containerOf(mountinfo);
  return id === undefined ? undefined : (await inspectContainer(docker, id, signal))?.image;
}

/**
 * From inside a container neither previews nor the machine's firewall can be reached: what has to be done there is done by containers of the
 * image that is on the engine in any case, the agent's own, unless the settings name others.
 */
export function forContainer(config: AgentConfig, image: string | undefined): AgentConfig {
  if (image === undefined) return config;
  const { probeImage = image, firewall } = config;
  return { ...config, probeImage, firewall: firewall === "auto" ? image : firewall };
}
