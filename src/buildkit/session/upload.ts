import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import { Upload } from "../../../proto/index.js";
import { RpcError, rpcStatus, type SessionService } from "./service.js";
import { serviceOf, stream } from "./typed.js";

/** The daemon refuses messages over 4 MiB (20.10). */
const chunkBytes = 1024 * 1024;

export interface UploadService {
  readonly service: SessionService;
  /**
   * Offers a source under a fresh address, `http://buildkit-session/<id>`, which a frontend can be given as its context or
   * Dockerfile. It can be fetched once. The stream is destroyed when the call ends, whichever way.
   */
  add(source: Readable): string;
}

/** moby.upload.v1.Upload: lets the daemon fetch a stream of ours (a tar on stdin) by an http address it never dials. */
export function createUpload(): UploadService {
  const sources = new Map<string, Readable>();
  const service = serviceOf(
    stream(Upload.methods.Pull, async (call) => {
      // The daemon sends the URL's path, "/<id>".
      const id = (call.metadata.first("urlpath") ?? "").replace(/^.*\//, "");
      const source = sources.get(id);
      if (!source)
        throw new RpcError(
          rpcStatus.notFound,
          "nothing to upload under this address, or it was fetched before",
        );
      sources.delete(id);
      const stop = () => source.destroy();
      call.signal.addEventListener("abort", stop, { once: true });
      try {
        for await (const chunk of source) {
          const bytes: Uint8Array = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
          for (let at = 0; at < bytes.length; at += chunkBytes) {
            await call.send({ data: bytes.subarray(at, at + chunkBytes) });
          }
        }
      } finally {
        call.signal.removeEventListener("abort", stop);
        source.destroy();
      }
    }),
  );
  return {
    service,
    add: (source) => {
      // Errors before the daemon comes are reported when it does; without a listener they would end the process.
      source.on("error", () => {});
      const id = randomBytes(16).toString("hex");
      sources.set(id, source);
      return `http://buildkit-session/${id}`;
    },
  };
}
