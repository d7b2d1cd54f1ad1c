import { type Address, formatAddress } from "./address.js";
import { buildkitdKeepalive, openChannels } from "./channels.js";
import { type Dial, dialAddress } from "./dial.js";
import { probeHttp2 } from "./http2-probe.js";
import { openSessionTunnel } from "./session-tunnel.js";
import type { BuildKitTransport } from "./transport.js";

/**
 * A buildkitd that listens for gRPC on a Unix socket or TCP, with or without mTLS. One connection is made at once, so that
 * a daemon that is not there, or a certificate it refuses, is a clear error.
 *
 * @throws BuildKitError daemon_unreachable, daemon_permission, cancelled
 */
export async function connectBuildkitd(
  address: Address,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<BuildKitTransport> {
  // grpc-go refuses TLS clients that do not ask for h2.
  const dial: Dial = (opening) => dialAddress(address, { env, alpn: "h2" }, opening);
  return overDial("buildkitd", "direct", formatAddress(address), dial, signal);
}

const probeTimeoutMs = 10_000;

/** A transport over streams that lead straight to a gRPC server. */
export async function overDial(
  kind: "buildkitd" | "docker-container",
  route: "direct" | "exec",
  where: string,
  dial: Dial,
  signal: AbortSignal,
): Promise<BuildKitTransport> {
  await probeHttp2(dial, where, probeTimeoutMs, signal);
  const channels = await openChannels(dial, buildkitdKeepalive);
  return {
    kind,
    route,
    where,
    grpcClient: () => channels.shared(),
    openChannel: (keepalive) => channels.open(keepalive),
    async openSession(headers) {
      // A connection of its own: a session's traffic must not hold up Solve and Status.
      const channel = channels.open();
      return openSessionTunnel(channel.client, headers, () => channel.close());
    },
    close: () => channels.close(),
  };
}
