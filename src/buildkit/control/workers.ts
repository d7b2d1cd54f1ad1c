import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import { unary } from "../transport/rpc.js";
import { workerFromWire } from "./convert.js";
import { controlError } from "./rpc-error.js";
import type { Worker } from "./types.js";

/** Lists what can run steps, with platforms and clean-up rules. A Docker Engine has one worker. */
export async function workers(client: Client, signal?: AbortSignal): Promise<Worker[]> {
  try {
    const answer = await unary(
      client,
      Control.methods.ListWorkers,
      {},
      { timeoutMs: 15_000, ...(signal ? { signal } : {}) },
    );
    return answer.record.map(workerFromWire);
  } catch (error) {
    throw controlError(error, "Listing the workers", signal);
  }
}
