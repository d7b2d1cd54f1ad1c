import { connect } from "node:http2";
import { withDeadline } from "../deadline.js";
import { BuildKitError } from "../errors.js";
import { asSocket } from "../session/as-socket.js";
import { connectError } from "./connect-error.js";
import type { Dial } from "./dial.js";

/**
 * Makes one connection and waits for the server's HTTP/2 settings. A TLS server that refuses the client's certificate, an
 * exec that cannot start, and a port of something else all show here, and not at the first call.
 *
 * @param timeoutMs for the settings, once connected
 * @throws BuildKitError daemon_unreachable, daemon_permission, cancelled
 */
export async function probeHttp2(
  dial: Dial,
  where: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const dialled = await dial(signal);
  let reason: unknown;
  dialled.on("error", (error) => {
    reason ??= error;
  });
  const socket = await asSocket(dialled, signal);
  const deadline = withDeadline(signal, timeoutMs);
  if (deadline.aborted) {
    socket.destroy();
    throw new BuildKitError("cancelled", "Connecting was cancelled", { cause: deadline.reason });
  }
  const session = connect("http://localhost", { createConnection: () => socket });
  try {
    await new Promise<void>((resolve, reject) => {
      deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
      session.once("remoteSettings", () => resolve());
      session.on("error", reject);
      session.once("close", () => reject(reason));
    });
  } catch (error) {
    if (signal.aborted)
      throw new BuildKitError("cancelled", "Connecting was cancelled", { cause: signal.reason });
    // The stream's own error says more than what HTTP/2 makes of it, and can come after it.
    await new Promise((resolve) => setImmediate(resolve));
    throw connectError(reason ?? error ?? unspoken(), where);
  } finally {
    session.destroy();
    socket.destroy();
  }
}

function unspoken(): Error {
  return Object.assign(new Error("closed before the first answer"), { code: "ECONNRESET" });
}
