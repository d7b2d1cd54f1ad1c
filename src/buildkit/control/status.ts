import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import type { SolveStatus } from "../progress/types.js";
import { serverStream } from "../transport/rpc.js";
import { statusFromWire } from "./convert.js";
import { controlError } from "./rpc-error.js";

/**
 * Follows the build of one ref from its beginning until it ends. The daemon waits 3 s for a ref it does not know; a build
 * that history still holds is replayed (engines from 24 on).
 *
 * @throws BuildKitError while iterating: cancelled, daemon_gone, solve_failed
 */
export async function* status(
  client: Client,
  ref: string,
  signal?: AbortSignal,
): AsyncGenerator<SolveStatus, void> {
  try {
    for await (const message of serverStream(
      client,
      Control.methods.Status,
      { ref },
      signal ? { signal } : {},
    )) {
      yield statusFromWire(message);
    }
  } catch (error) {
    throw controlError(error, "Following the build", signal);
  }
}
