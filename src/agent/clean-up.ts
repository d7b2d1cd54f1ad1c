import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Docker, findContainers, removeContainer } from "../docker/index.js";
import { findCutOff } from "../preview/index.js";
import type { AgentLog } from "./log.js";

/** Directories of single builds: none is under way when an agent starts. */
const ofBuilds = ["worktrees", "exports"];

/**
 * Removes what an agent that was killed has left: directories of builds, probes and hooks. Builds and pulls end with its connections, and a half
 * started environment is taken up or removed by the job that comes again, or by what the server says of it.
 *
 * @returns ids of the environments that cannot wait for that, as a deployment may have been cut off in them that had stopped or replaced something
 */
export async function cleanUp(
  options: {
    readonly agent: string;
    readonly dataDirectory: string;
    readonly docker: Docker;
    readonly log: AgentLog;
  },
  signal: AbortSignal,
): Promise<string[]> {
  const { agent, dataDirectory, docker, log } = options;
  for (const name of ofBuilds) {
    const directory = join(dataDirectory, name);
    for (const left of await readdir(directory).catch(() => [])) {
      log.info({ directory: join(name, left) }, "removing what a build has left");
      await rm(join(directory, left), { recursive: true, force: true });
    }
  }
  for (const role of ["probe", "hook", "firewall"])
    for (const { id } of await findContainers(
      docker,
      { "sh.galley.agent": agent, "sh.galley.role": role },
      signal,
    ))
      await removeContainer(docker, id, signal);
  return await findCutOff(docker, agent, signal);
}
