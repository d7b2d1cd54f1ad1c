import { Duplex } from "node:stream";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import protobuf from "protobufjs/minimal.js";
import { BuildKitError } from "../errors.js";
import type { SessionHeaders } from "../session/index.js";
import { endQuietly, openBidi, type RpcMethod } from "./rpc.js";

/** `moby.buildkit.v1.BytesMessage`: bytes in field 1. Written by hand, since all of a session's bytes go through it. */
const sessionMethod: RpcMethod<Uint8Array, Buffer> = {
  path: "/moby.buildkit.v1.Control/Session",
  encode: (bytes) => protobuf.Writer.create().uint32(10).bytes(bytes).finish(),
  decode(bytes) {
    const reader = protobuf.Reader.create(bytes);
    let found: Uint8Array = new Uint8Array();
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === 10) found = reader.bytes();
      else reader.skipType(tag & 7);
    }
    return Buffer.from(found.buffer, found.byteOffset, found.byteLength);
  },
};

/** Chunks stay well below the 4 MiB that old servers take in one message. */
const chunkBytes = 1 << 20;

/** Metadata keys of a session, as BuildKit's `session/manager.go` and Moby's `POST /session` read them. */
export function sessionMetadata(headers: SessionHeaders): Record<string, string | string[]> {
  return {
    "x-docker-expose-session-uuid": headers.uuid,
    "x-docker-expose-session-name": headers.name,
    "x-docker-expose-session-sharedkey": headers.sharedKey,
    "x-docker-expose-session-grpc-method": [...headers.methods],
  };
}

/** A session's connection carried by the `Control.Session` call of a gRPC channel. `release` is called when it is gone. */
export function openSessionTunnel(client: Client, headers: SessionHeaders, release: () => void): Duplex {
  const call = openBidi(client, sessionMethod, { metadata: sessionMetadata(headers) });
  return new SessionTunnel(call, release);
}

class SessionTunnel extends Duplex {
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #release: () => void;

  constructor(call: ClientDuplexStream<Uint8Array, Buffer>, release: () => void) {
    super({ allowHalfOpen: false });
    this.#call = call;
    this.#release = release;
    call.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) call.pause();
    });
    call.on("end", () => this.push(null));
    call.on("error", (cause) =>
      this.destroy(
        new BuildKitError("session_lost", `The session's connection to BuildKit ended: ${cause.message}`, {
          cause,
        }),
      ),
    );
  }

  override _read(): void {
    this.#call.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (chunk.length <= chunkBytes) {
      this.#call.write(chunk, (error?: Error | null) => done(error));
      return;
    }
    this.#call.write(chunk.subarray(0, chunkBytes));
    this._write(chunk.subarray(chunkBytes), _encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#call.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    endQuietly(this.#call);
    this.#release();
    done(error);
  }
}
