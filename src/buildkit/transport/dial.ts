import { connect as connectNet, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { abortAfter } from "../deadline.js";
import { BuildKitError } from "../errors.js";
import { type Address, formatAddress, type TlsMaterial } from "./address.js";
import { connectError } from "./connect-error.js";
import { dialSsh } from "./ssh.js";

/** Opens a new byte stream to a daemon. Rejects with a BuildKitError; an abort destroys what was begun. */
export type Dial = (signal: AbortSignal) => Promise<Duplex>;

const connectTimeoutMs = 10_000;

export interface DialOptions {
  /** TLS application protocol to offer, for servers that insist on one ("h2"). */
  readonly alpn?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Dials an address: a Unix socket, TCP with or without TLS, or ssh. Gives up after 10 s (ssh: 30 s).
 *
 * @throws BuildKitError daemon_unreachable, daemon_permission, cancelled
 */
export async function dialAddress(
  address: Address,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  if (signal.aborted)
    throw new BuildKitError("cancelled", "Connecting was cancelled", { cause: signal.reason });
  if (address.type === "ssh") return dialSsh(address, options.env, signal);
  const where = formatAddress(address);
  const timeout = abortAfter(connectTimeoutMs);
  const either = AbortSignal.any([signal, timeout]);
  try {
    if (address.type === "unix") return await opened(connectNet({ path: address.path }), "connect", either);
    const socket = await opened(connectNet({ host: address.host, port: address.port }), "connect", either);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    if (address.tls === undefined) return socket;
    return await opened(startTls(socket, address.host, address.tls, options.alpn), "secureConnect", either);
  } catch (error) {
    if (signal.aborted) throw new BuildKitError("cancelled", "Connecting was cancelled", { cause: error });
    const late = Object.assign(new Error("no answer within 10 s", { cause: error }), { code: "ETIMEDOUT" });
    throw connectError(timeout.aborted ? late : error, where);
  }
}

function startTls(socket: Socket, host: string, tls: TlsMaterial, alpn: string | undefined) {
  const name = tls.serverName ?? host;
  return connectTls({
    socket,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: tls.skipVerify !== true,
    minVersion: "TLSv1.2",
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
}

async function opened<S extends Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  return await new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off("error", settle);
      socket.off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) return resolve(socket);
      socket.once("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = () => settle(signal.reason);
    const onClose = () => settle(Object.assign(new Error("closed while connecting"), { code: "ECONNRESET" }));
    socket.once(event, () => settle());
    socket.once("error", settle);
    socket.once("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
