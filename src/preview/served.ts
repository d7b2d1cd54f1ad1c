import { type Docker, fileMode, putFiles } from "../docker/index.js";
import type { FoundService } from "./found.js";
import { gateSwitch } from "./gate.js";

/** A container of a deployment that is up as a whole. */
export interface Standing {
  /** Id. */
  readonly id: string;
  /** Of the attempt that made it. */
  readonly number: number;
  readonly gated: boolean;
}

/**
 * Writes down, at the newest of a deployment's containers, that it is up as a whole and serves: whatever is older has served or was taken over,
 * whatever is newer is of an attempt that was never done. An open gate says so itself.
 */
export async function markServed(
  docker: Docker,
  containers: readonly Standing[],
  signal: AbortSignal,
): Promise<void> {
  const newest = Math.max(...containers.map(({ number }) => number));
  const of = containers.filter(({ number }) => number === newest);
  const [one] = of;
  if (!one || of.some(({ gated }) => gated)) return;
  await putFiles(docker, one.id, [gateSwitch(true)], signal);
}

/**
 * The number of the newest attempt that has served, by an open gate, by its mark, or, of a public service without a gate, by its health.
 * 0: none, as far as its containers say.
 *
 * @param found the newest first
 */
export async function newestServed(
  docker: Docker,
  found: readonly FoundService[],
  signal: AbortSignal,
): Promise<number> {
  const { target } = gateSwitch(true);
  for (const { id, number, check, healthy } of found) {
    if (check.routed && !check.gated && healthy) return number;
    // Also a gate that is closed again was open once.
    if ((await fileMode(docker, id, target, signal)) !== undefined) return number;
  }
  return 0;
}
