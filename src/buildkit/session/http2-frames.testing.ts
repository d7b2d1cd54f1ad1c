/** HTTP/2 frames made by hand, for what a well-behaved client would never send (RFC 9113 §4.1, RFC 7541 §6.2.2). */

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  continuation: 9,
} as const;
export const flag = { endStream: 1, endHeaders: 4 } as const;
const maxPayload = 16_384;

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** An HPACK block of literals without indexing; values are latin1. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    headers.flatMap(([key, value]) => [Buffer.of(0), hpackString(key), hpackString(value)]),
  );
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

export const grpcHeaders = (path: string): (readonly [string, string])[] => [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", path],
  [":authority", "localhost"],
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

/** HEADERS and as many CONTINUATIONs as the block needs, cut as grpc-go cuts them. */
export function headersFrames(stream: number, headers: readonly (readonly [string, string])[]): Buffer {
  const block = headerBlock(headers);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += maxPayload) {
    const flags = at + maxPayload >= block.length ? flag.endHeaders : 0;
    const type = at === 0 ? frameType.headers : frameType.continuation;
    frames.push(frame(type, flags, stream, block.subarray(at, at + maxPayload)));
  }
  return Buffer.concat(frames);
}

/** What opens a connection: the preface and empty settings. */
export const hello = Buffer.concat([preface, frame(frameType.settings, 0, 0)]);
