import type { Socket } from "node:net";
import { type Duplex, pipeline, Transform, type TransformCallback } from "node:stream";
import { socketPairFor } from "./as-socket.js";
import { HeaderFrames } from "./header-frames.js";

/** Bytes of names, values and 32 for each header: a .dockerignore of half a million lines. */
export const relayedHeaderBytes = 64 * 1024 * 1024;

/** A connection whose headers do not go through node:http2. */
export interface RelayedConnection {
  /** What node:http2 serves. */
  readonly socket: Socket;
  /** The headers of a call by its stream, as `rawHeaders`; can be asked for once. */
  headersOf(stream: number): readonly string[] | undefined;
  /** Why the relay has ended the connection. */
  failure(): Error | undefined;
}

/**
 * Puts `HeaderFrames` between a connection and node:http2. Costs a copy of all that is sent and received (a tenth of the time
 * of a large transfer): for the builds that need it.
 */
export async function relayHeaders(duplex: Duplex, signal: AbortSignal): Promise<RelayedConnection> {
  const frames = new HeaderFrames(relayedHeaderBytes);
  const [near, far] = await socketPairFor(duplex, signal);
  let failure: Error | undefined;
  const reading = new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      try {
        for (const piece of frames.push(chunk)) this.push(piece);
      } catch (error) {
        failure = error instanceof Error ? error : new TypeError(String(error));
        done(failure);
        return;
      }
      done();
    },
  });
  const end = () => {
    duplex.destroy();
    far.destroy();
  };
  pipeline(duplex, reading, far, end);
  pipeline(far, duplex, end);
  return { socket: near, headersOf: (stream) => frames.take(stream), failure: () => failure };
}
