import type { Duplex } from "node:stream";
import type { Client } from "@grpc/grpc-js";
import type { SessionHeaders } from "../session/index.js";
import type { Channel, Keepalive } from "./channel.js";
import type { InsecureRegistries } from "./insecure-registries.js";

/** What a Docker Engine says about itself. */
export interface EngineFacts {
  /** `28.5.2+dfsg4` */
  readonly version: string;
  /** `1.51`: the newest version of the HTTP API it speaks. */
  readonly apiVersion: string;
  readonly os: string;
  readonly arch: string;
}

/** A way to a BuildKit: gRPC calls to its Control service, and sessions on which it calls back. */
export interface BuildKitTransport {
  readonly kind: "docker" | "buildkitd" | "docker-container";
  /** How gRPC gets through: `upgrade` (`POST /grpc`), `direct` HTTP/2, or `exec` (stdio of `buildctl dial-stdio`). */
  readonly route: "upgrade" | "direct" | "exec";
  /** The address as people write it, for messages. */
  readonly where: string;
  /** Present when a Docker Engine is driven. */
  readonly engine?: EngineFacts;
  /** Asks the engine which registries it takes without TLS. Absent where there is no Docker Engine to ask. */
  insecureRegistries?(signal: AbortSignal): Promise<InsecureRegistries>;
  /** The shared connection, for short calls. Redials when it was lost. */
  grpcClient(): Client;
  /** A connection of its own, for calls that must not share the fate of others. The caller closes it. */
  openChannel(keepalive?: Keepalive): Channel;
  /** Opens the connection of a session; the daemon speaks HTTP/2 as a client on it. */
  openSession(headers: SessionHeaders, signal: AbortSignal): Promise<Duplex>;
  /** Ends every channel and session of this transport. Idempotent. */
  close(): void;
}
