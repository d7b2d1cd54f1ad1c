import type { Client } from "@grpc/grpc-js";
import { getHistory, readHistoryError } from "../control/history.js";
import { pause } from "./pending.js";

/** How a build ended, as the daemon's history has it. */
export type Recorded =
  | { readonly exporterResponse: Readonly<Record<string, string>> }
  /** An encoded google.rpc.Status. */
  | { readonly failed: Uint8Array };

const graceMs = 500;
const againMs = 2000;

/**
 * The outcome of a build whose Solve call does not answer although its Status has ended: the answer may never come (an
 * error with a Dockerfile over ~40 KB stops Node's HTTP/2), but history has it. Asked for again and again, since the daemon
 * writes its record and exports after the last status.
 *
 * @returns undefined when the signal was aborted first, or the engine keeps no history
 */
export async function outcomeFromHistory(
  client: Client,
  ref: string,
  signal: AbortSignal,
): Promise<Recorded | undefined> {
  for (let wait = graceMs; await pause(wait, signal); wait = againMs) {
    const recorded = await readOutcome(client, ref, signal);
    if (recorded !== "running") return recorded;
  }
  return undefined;
}

/** @returns `running` while there is no outcome, undefined when history cannot be had */
export async function readOutcome(
  client: Client,
  ref: string,
  signal: AbortSignal,
): Promise<Recorded | "running" | undefined> {
  try {
    const record = await getHistory(client, ref, signal);
    if (record?.state !== "complete") return "running";
    const failed = await readHistoryError(client, record, signal);
    return failed === undefined ? { exporterResponse: record.exporterResponse } : { failed };
  } catch {
    // No history (20.10), or no daemon any more: the Solve call's own end says which.
    return undefined;
  }
}
