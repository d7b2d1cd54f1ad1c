import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import { unary } from "../transport/rpc.js";
import { usageFromWire } from "./convert.js";
import { controlError } from "./rpc-error.js";
import type { UsageRecord } from "./types.js";

export interface DiskUsageOptions {
  /**
   * containerd filter syntax over id, parents, description, inuse, mutable, immutable, type, shared, private. Several
   * strings mean OR, a comma inside one means AND: `["type==exec.cachemount,inuse==false"]`.
   */
  readonly filter?: readonly string[];
  readonly signal?: AbortSignal;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

/** Lists the build cache. Costs the daemon time in proportion to the number of records: not to be polled. */
export async function diskUsage(client: Client, options: DiskUsageOptions = {}): Promise<UsageRecord[]> {
  const { filter = [], signal, timeoutMs = 60_000 } = options;
  try {
    const request = { filter: [...filter] };
    const answer = await unary(client, Control.methods.DiskUsage, request, {
      timeoutMs,
      ...(signal ? { signal } : {}),
    });
    return answer.record.map(usageFromWire);
  } catch (error) {
    throw controlError(error, "Listing the build cache", signal);
  }
}
