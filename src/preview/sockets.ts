import { type Docker, execInContainer } from "../docker/index.js";

export interface ListeningSocket {
  readonly port: number;
  /** On 127.0.0.1 or ::1 alone. */
  readonly loopback: boolean;
}

/** Where a container listens for TCP. Undefined when its image has nothing to look with. */
export async function listeningSockets(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<ListeningSocket[] | undefined> {
  try {
    const read = await execInContainer(docker, id, ["cat", "/proc/net/tcp", "/proc/net/tcp6"], signal);
    return read && /local_address/.test(read.output) ? parseSockets(read.output) : undefined;
  } catch {
    // Only asked to say more of a failure, which is told in any case.
    signal.throwIfAborted();
    return undefined;
  }
}

/** Of the kernel's table those that listen (state 0A), without the engine's own name server in each container. */
export function parseSockets(table: string): ListeningSocket[] {
  return table.split("\n").flatMap((line) => {
    const [, address = "", hex = ""] =
      /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:0000 0A /.exec(line) ?? [];
    if (address === "" || address === "0B00007F") return [];
    // 127.0.0.0/8 in the order of the machine; ::1, and the first in its IPv6 form.
    const loopback =
      /^[0-9A-F]{6}7F$/.test(address) ||
      address === "00000000000000000000000001000000" ||
      /^0000000000000000FFFF0000[0-9A-F]{6}7F$/.test(address);
    return [{ port: Number.parseInt(hex, 16), loopback }];
  });
}
