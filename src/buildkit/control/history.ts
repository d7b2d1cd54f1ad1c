import type { Client } from "@grpc/grpc-js";
import { Content, Control, moby } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import { serverStream, unary } from "../transport/rpc.js";
import { buildRecordFromWire } from "./convert.js";
import { controlError } from "./rpc-error.js";
import type { BuildRecord } from "./types.js";

const { COMPLETE, DELETED } = moby.buildkit.v1.BuildHistoryEventType;
const timeoutMs = 30_000;
/** A status with a Dockerfile inside is some 100 KB; a blob beyond this is not one. */
const statusLimit = 16 << 20;

export interface HistoryOptions {
  readonly activeOnly?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The builds that the daemon remembers, running ones too, in the daemon's order.
 *
 * @throws BuildKitError engine_unsupported on engines before 24
 */
export async function listHistory(client: Client, options: HistoryOptions = {}): Promise<BuildRecord[]> {
  return await listen(client, { earlyExit: true, activeOnly: options.activeOnly ?? false }, options.signal);
}

/** One build by its ref; undefined when the daemon does not (or no longer) know it. */
export async function getHistory(
  client: Client,
  ref: string,
  signal?: AbortSignal,
): Promise<BuildRecord | undefined> {
  try {
    return (await listen(client, { earlyExit: true, ref }, signal)).find((record) => record.ref === ref);
  } catch (error) {
    // For a while the daemon answers so for what it has been told to forget; later, with nothing.
    if (error instanceof BuildKitError && error.message.includes(`ref ${ref} is deleted`)) return undefined;
    throw error;
  }
}

/** Makes the daemon forget a build. Its logs and traces go with it; the cache stays. */
export async function deleteHistory(client: Client, ref: string, signal?: AbortSignal): Promise<void> {
  await update(client, { ref, delete: true }, signal);
}

/** Makes the daemon write what it knows of a finished build to disk now (engines from 27.1; earlier ones do so at once). */
export async function finalizeHistory(client: Client, ref: string, signal?: AbortSignal): Promise<void> {
  await update(client, { ref, finalize: true }, signal);
}

/**
 * The full google.rpc.Status, encoded, of a build that failed: inline in the record until engine 27.0, a blob in the
 * daemon's content store since. Undefined when the build did not fail.
 */
export async function readHistoryError(
  client: Client,
  record: BuildRecord,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (record.errorBlob === undefined) return record.error?.status;
  const { digest, size } = record.errorBlob;
  if (size > statusLimit) return record.error?.status;
  const chunks: Uint8Array[] = [];
  let read = 0;
  try {
    const request = { digest };
    for await (const part of serverStream(client, Content.methods.Read, request, callOptions(signal))) {
      read += part.data.length;
      if (read > statusLimit) return record.error?.status;
      chunks.push(part.data);
    }
  } catch (error) {
    throw controlError(error, "Reading the error of the build", signal);
  }
  return Buffer.concat(chunks);
}

async function listen(
  client: Client,
  request: { ref?: string; earlyExit: true; activeOnly?: boolean },
  signal: AbortSignal | undefined,
): Promise<BuildRecord[]> {
  const records = new Map<string, BuildRecord>();
  try {
    for await (const event of serverStream(
      client,
      Control.methods.ListenBuildHistory,
      request,
      callOptions(signal),
    )) {
      if (event.record === null || event.type === DELETED) continue;
      records.set(event.record.ref, buildRecordFromWire(event.record, event.type === COMPLETE));
    }
  } catch (error) {
    throw controlError(error, "Reading the build history", signal);
  }
  return [...records.values()];
}

async function update(
  client: Client,
  request: { ref: string; delete?: boolean; finalize?: boolean },
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await unary(client, Control.methods.UpdateBuildHistory, request, callOptions(signal));
  } catch (error) {
    throw controlError(error, "Changing the build history", signal);
  }
}

function callOptions(signal: AbortSignal | undefined) {
  return { timeoutMs, ...(signal ? { signal } : {}) };
}
