import { randomBytes } from "node:crypto";
import { containerEnd, type Docker, lastLogLines, removeContainer, startContainer } from "../docker/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import { labelKeys } from "./labels.js";

/** How a script ended, and the end of what it printed. */
export interface Ended {
  readonly exitCode: number;
  readonly output: string;
}

const LIMIT_MS = 60_000;
/** Lines that are read: a machine may have many routes. */
const MAX_LINES = 10_000;

/**
 * Runs a shell script in a container that sees the network of the engine's machine, may change that and nothing else, and is gone afterwards.
 *
 * @param image one with a shell, on the engine already
 * @throws image_not_found, engine_unreachable, and the signal's reason; what else goes wrong is an exit code of -1
 */
export async function onEngineMachine(
  docker: Docker,
  { image, agent, script }: { readonly image: string; readonly agent: string; readonly script: string },
  signal: AbortSignal,
): Promise<Ended> {
  const spec = {
    name: `galley-firewall-${randomBytes(4).toString("hex")}`,
    image,
    labels: { [labelKeys.agent]: agent, [labelKeys.role]: "firewall" },
    env: {},
    entrypoint: ["/bin/sh"],
    command: ["-c", script],
    network: "host",
    aliases: [],
    publish: {},
    // The second is for the older kind of iptables, which speaks to the kernel through a raw socket.
    capabilities: ["NET_ADMIN", "NET_RAW"],
    limits: { memory: 128 * 1024 * 1024 },
  };
  const id = await startContainer(docker, spec, signal);
  try {
    const exitCode = await containerEnd(docker, id, signal, LIMIT_MS);
    return { exitCode, output: (await lastLogLines(docker, id, MAX_LINES, signal)).join("\n") };
  } catch (error) {
    if (error instanceof GalleyError && !signal.aborted) return { exitCode: -1, output: error.message };
    throw error;
  } finally {
    await removeContainer(docker, id, abortAfter(30_000));
  }
}
