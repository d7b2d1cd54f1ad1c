import type { Client } from "@grpc/grpc-js";
import { type Channel, type Keepalive, openChannel } from "./channel.js";
import type { Dial } from "./dial.js";
import { openDoorbell } from "./doorbell.js";

/** All gRPC channels of one transport: the shared one, and those with an owner of their own. */
export interface Channels {
  shared(): Client;
  /** `keepalive` is for connections that need more frequent pings; where the daemon minds those, it is ignored. */
  open(keepalive?: Keepalive): Channel;
  close(): void;
}

/**
 * Pings every 10 s while calls run, and gives up 10 s later. A Docker Engine does not mind (its HTTP/2 server counts no
 * pings); a buildkitd is grpc-go with its default policy, which hangs up on pings more often than every 5 minutes.
 */
export const engineKeepalive = { timeMs: 10_000, timeoutMs: 10_000 } as const;
export const buildkitdKeepalive = { timeMs: 330_000, timeoutMs: 20_000 } as const;

export async function openChannels(dial: Dial, usual: Keepalive): Promise<Channels> {
  const bell = await openDoorbell();
  const own = new Set<Channel>();
  let shared: Channel | undefined;
  let closed = false;
  const open = (asked?: Keepalive): Channel => {
    const keepalive = usual.timeMs < buildkitdKeepalive.timeMs ? (asked ?? usual) : usual;
    const channel = openChannel(bell.target, dial, keepalive);
    own.add(channel);
    if (closed) channel.close();
    return {
      client: channel.client,
      get dialError() {
        return channel.dialError;
      },
      close() {
        own.delete(channel);
        channel.close();
      },
    };
  };
  return {
    shared() {
      shared ??= open();
      return shared.client;
    },
    open,
    close() {
      closed = true;
      for (const channel of own) channel.close();
      own.clear();
      bell.close();
    },
  };
}
