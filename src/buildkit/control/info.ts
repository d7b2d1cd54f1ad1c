import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import { unary } from "../transport/rpc.js";
import { controlError, isUnimplemented } from "./rpc-error.js";
import type { BuildKitInfo } from "./types.js";

/** What the BuildKit says about itself; undefined on engines before 24, which do not say. */
export async function info(client: Client, signal?: AbortSignal): Promise<BuildKitInfo | undefined> {
  try {
    const answer = await unary(
      client,
      Control.methods.Info,
      {},
      { timeoutMs: 15_000, ...(signal ? { signal } : {}) },
    );
    const found = answer.buildkitVersion;
    return { package: found?.package ?? "", version: found?.version ?? "", revision: found?.revision ?? "" };
  } catch (error) {
    if (isUnimplemented(error)) return undefined;
    throw controlError(error, "Asking for the BuildKit version", signal);
  }
}
