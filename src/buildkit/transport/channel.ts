import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials, Client } from "@grpc/grpc-js";
import { asSocket } from "../session/as-socket.js";
import type { Dial } from "./dial.js";

/** A gRPC connection of its own: nothing that happens to another channel disturbs it. */
export interface Channel {
  readonly client: Client;
  /** Why the last connection failed, or was lost, if it was. grpc-js keeps only a text of it. */
  readonly dialError: unknown;
  /** Ends all calls and connections. Idempotent. */
  close(): void;
}

/** The largest message servers of BuildKit send or take. */
const maxMessageBytes = 64 << 20;

const options = {
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  // A solve is not to be sent twice.
  "grpc.enable_retries": 0,
  // Channels to one doorbell must not share connections.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_channelz": 0,
  "grpc.default_authority": "localhost",
  "grpc.client_idle_timeout_ms": 24 * 3600 * 1000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2000,
  "grpc-node.flow_control_window": 1 << 20,
} as const;

/**
 * Dead connections are found by pings. They are needed even on a Unix socket: when the trailer of a failed solve passes
 * 64 KiB (a Dockerfile over ~40 KB), Node 20's HTTP/2 stops without an event and every call on that connection waits for
 * ever. An event loop that stands still for `timeout` looks the same, so it is not short.
 */
export interface Keepalive {
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/** Opens a channel whose connections are made by `dial`. `target` is a doorbell's. Nothing is dialled before the first call. */
export function openChannel(target: string, dial: Dial, keepalive: Keepalive): Channel {
  const credentials = new DialledCredentials(dial);
  const client = new Client(target, credentials, {
    ...options,
    "grpc.keepalive_time_ms": keepalive.timeMs,
    "grpc.keepalive_timeout_ms": keepalive.timeoutMs,
  });
  return {
    client,
    get dialError() {
      return credentials.dialError;
    },
    close() {
      client.close();
      credentials.end();
    },
  };
}

/**
 * Replaces the socket that grpc-js dialled by a stream of our own. `_createSecureConnector` is internal to grpc-js since
 * 1.13: the version is pinned and channel.test.ts holds what is relied on.
 */
class DialledCredentials extends ChannelCredentials {
  readonly #dial: Dial;
  readonly #streams = new Set<Socket>();
  readonly #ended = new AbortController();
  dialError: unknown;

  constructor(dial: Dial) {
    super();
    this.#dial = dial;
  }

  override _isSecure(): boolean {
    return false;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector() {
    return {
      connect: async (bell: Socket) => {
        bell.on("error", () => {});
        bell.destroy();
        return { socket: await this.#open(), secure: false };
      },
      waitForReady: async () => {},
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #open(): Promise<Socket> {
    try {
      // Node's HTTP/2 on anything but a real socket has assertions that end the process.
      const dialled = await this.#dial(this.#ended.signal);
      dialled.on("error", (error) => {
        this.dialError = error;
      });
      const stream = await asSocket(dialled, this.#ended.signal);
      this.dialError = undefined;
      this.#streams.add(stream);
      stream.once("close", () => this.#streams.delete(stream));
      if (this.#ended.signal.aborted) stream.destroy();
      return stream;
    } catch (error) {
      this.dialError = error;
      throw error;
    }
  }

  end(): void {
    this.#ended.abort();
    // client.close() lets running calls finish; here they are to end.
    for (const stream of this.#streams) stream.destroy();
  }
}
