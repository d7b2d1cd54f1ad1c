import { Duplex } from "node:stream";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { Control, type moby } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import type { SessionHeaders } from "../session/index.js";
import { endQuietly, openBidi } from "./rpc.js";

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
  const call = openBidi(client, Control.methods.Session, { metadata: sessionMetadata(headers) });
  return new SessionTunnel(call, release);
}

type BytesMessage = moby.buildkit.v1.BytesMessage;
type SessionStream = ClientDuplexStream<moby.buildkit.v1.BytesMessage.Init, BytesMessage>;

class SessionTunnel extends Duplex {
  readonly #call: SessionStream;
  readonly #release: () => void;

  constructor(call: SessionStream, release: () => void) {
    super({ allowHalfOpen: false });
    this.#call = call;
    this.#release = release;
    call.on("data", ({ data }: BytesMessage) => {
      // A message without bytes says nothing; pushing it would not either, but would count as a read.
      if (data.length > 0 && !this.push(data)) call.pause();
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
      this.#call.write({ data: chunk }, (error?: Error | null) => done(error));
      return;
    }
    this.#call.write({ data: chunk.subarray(0, chunkBytes) });
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
