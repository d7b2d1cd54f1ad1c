import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus } from "./service.js";

/** Longest grpc-message in bytes: far below the header limits of any peer. */
const maxMessageBytes = 4096;
/** grpc-timeout allows 99,999,999 hours; a timer allows 2^31-1 ms. */
const maxTimerMs = 2 ** 31 - 1;

/** The trailers that end a call. The message is percent-encoded UTF-8 (gRPC over HTTP/2, "Status-Message"). */
export function statusTrailers(status: number, message = ""): Record<string, string> {
  const trailers: Record<string, string> = { "grpc-status": String(status) };
  if (message !== "") trailers["grpc-message"] = encodeMessage(message);
  return trailers;
}

function encodeMessage(message: string): string {
  let encoded = "";
  for (const byte of Buffer.from(message, "utf8").subarray(0, maxMessageBytes)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/**
 * What the daemon is told about an error that a method threw. It puts the text into its log and into the build's error, so
 * only errors whose texts are known to hold no secrets are quoted: ours, and those of system calls (a path, a code).
 */
export function statusOf(error: unknown): { status: number; message: string } {
  if (error instanceof RpcError) return { status: error.status, message: error.message };
  if (error instanceof BuildKitError) return { status: rpcStatus.unknown, message: error.message };
  if (error instanceof Error && "syscall" in error)
    return { status: rpcStatus.unknown, message: error.message };
  return { status: rpcStatus.unknown, message: "the client could not answer this call" };
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads a grpc-timeout header, at most eight digits and a unit. Milliseconds, at least 1; `undefined` for none, for one
 * that no timer reaches, and for a malformed one (the caller has its own deadline and will cancel).
 */
export function timeoutMs(value: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value ?? "");
  if (!match) return undefined;
  const ms = Math.max(1, Math.ceil(Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0)));
  return ms > maxTimerMs ? undefined : ms;
}
