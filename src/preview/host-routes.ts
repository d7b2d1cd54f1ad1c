import { readFile } from "node:fs/promises";
import type { Docker } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { onEngineMachine } from "./host-container.js";

/**
 * Reads the subnets that a machine has routes to, without its default routes. The engine does not look at them when it is given a
 * subnet, and a network that overlaps one cuts the machine off from what is behind it.
 *
 * @param file in the form of Linux's `/proc/net/route`. An agent in a container reads the engine's machine's through a mount. A
 *   machine without the file (not Linux) has its engine in a virtual machine: nothing there to overlap.
 */
export async function hostRoutes(file = "/proc/net/route"): Promise<string[]> {
  try {
    return parseRoutes(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/**
 * The same of the engine's machine, for an agent that is in a container and sees its own routes alone.
 *
 * @param image one with a shell, on the engine already
 * @throws engine_error when they cannot be read
 */
export async function engineRoutes(
  docker: Docker,
  about: { readonly image: string; readonly agent: string },
  signal: AbortSignal,
): Promise<string[]> {
  const { exitCode, output } = await onEngineMachine(
    docker,
    { ...about, script: "cat /proc/net/route" },
    signal,
  );
  if (exitCode === 0) return parseRoutes(output);
  throw new GalleyError(
    "engine_error",
    `the routes of the engine's machine could not be read: ${output.slice(-300)}`,
  );
}

/** Columns are named in the first line; addresses are hexadecimal, in the byte order of the machine (little-endian on all of ours). */
export function parseRoutes(text: string): string[] {
  const lines = text.trim().split("\n").slice(1);
  return lines.flatMap((line) => {
    const columns = line.split(/\s+/);
    const [destination, mask] = [bytesOf(columns[1]), bytesOf(columns[7])];
    if (!destination || !mask) return [];
    const prefix = mask.reduce((bits, byte) => bits + byte.toString(2).replaceAll("0", "").length, 0);
    return prefix === 0 ? [] : [`${destination.join(".")}/${prefix}`];
  });
}

function bytesOf(hex: string | undefined): number[] | undefined {
  if (!hex || !/^[0-9A-F]{8}$/i.test(hex)) return undefined;
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
