import type { Client } from "@grpc/grpc-js";
import { getHistory, readHistoryError } from "../control/history.js";
import { pause } from "./pending.js";

const graceMs = 1000;
const againMs = 2000;

/**
 * The failure of a build whose Solve call does not answer although its Status has ended: the answer may never come (an
 * error with a Dockerfile over ~40 KB stops Node's HTTP/2), but history has it. Asked for again and again, since the daemon
 * exports and writes its record after the last status. Nothing but failures are taken from there: an answer of success is
 * small and comes, while its record can be there before it holds the exporters' response (seen on 28 under load).
 *
 * @returns an encoded google.rpc.Status; undefined when the signal was aborted first, or the engine keeps no history
 */
export async function failureFromHistory(
  client: Client,
  ref: string,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  for (let wait = graceMs; await pause(wait, signal); wait = againMs) {
    const recorded = await readFailure(client, ref, signal);
    if (recorded !== "none yet") return recorded;
  }
  return undefined;
}

/** @returns `none yet` while the build runs or counts as built, undefined when history cannot be had */
export async function readFailure(
  client: Client,
  ref: string,
  signal: AbortSignal,
): Promise<Uint8Array | "none yet" | undefined> {
  try {
    const record = await getHistory(client, ref, signal);
    if (record?.state !== "complete") return "none yet";
    return (await readHistoryError(client, record, signal)) ?? "none yet";
  } catch {
    // No history (20.10), or no daemon any more: the Solve call's own end says which.
    return undefined;
  }
}
