import { containerd } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import {
  RpcError,
  rpcStatus,
  type SessionCall,
  type SessionMethod,
  type SessionService,
} from "../session/service.js";
import { BlobDirectory, type BlobInfo } from "./blobs.js";
import { digestHex } from "./digest.js";
import { timestamp } from "./timestamp.js";
import { WriteLocks, writeBlob } from "./write.js";

const v1 = containerd.services.content.v1;
const service = "/containerd.services.content.v1.Content";
/** Bytes per answer to Read: well below the 4 MiB that old daemons take in one message. */
const readChunkBytes = 1024 * 1024;
const listChunk = 100;

/** A directory that the daemon may read, and write if it is said so. */
export interface ContentDirectory {
  readonly path: string;
  readonly writable: boolean;
  /** Bytes that may be written in all; more is refused. Default: whatever the disk takes. */
  readonly most?: number;
}

export interface ContentStore extends SessionService {
  /** The first failure of this machine's disk while serving, for the solve's error: the daemon only passes on a text. */
  readonly failure: BuildKitError | undefined;
}

/**
 * Serves OCI image layouts to the daemon, for caches of type local, `oci-layout` contexts and `oci`/`docker` exports with
 * tar=false. The metadata `buildkit-attachable-store-id` says which one a call means. Nothing can be deleted, only whole
 * blobs with the right digest are ever seen, and a store that is not writable refuses writes.
 */
export function createContentStore(stores: Readonly<Record<string, ContentDirectory>>): ContentStore {
  const opened = new Map(
    Object.entries(stores).map(([id, { path, writable, most }]) => [
      id,
      { blobs: new BlobDirectory(path), locks: new WriteLocks(most), writable },
    ]),
  );
  let failure: BuildKitError | undefined;

  function choose(call: SessionCall) {
    const id = call.metadata.first("buildkit-attachable-store-id");
    if (id === undefined)
      throw new RpcError(rpcStatus.invalidArgument, "the call does not say which store it means");
    const store = opened.get(id);
    if (store === undefined) throw new RpcError(rpcStatus.notFound, `unknown store ${id}`);
    return store;
  }

  function guarded(method: SessionMethod): SessionMethod {
    return async (call) => {
      try {
        await method(call);
      } catch (error) {
        if (error instanceof RpcError || call.signal.aborted) throw error;
        const reason = storeFailure(error);
        failure ??= reason;
        const full = reason.code === "disk_full";
        throw new RpcError(full ? rpcStatus.resourceExhausted : rpcStatus.internal, reason.message, {
          cause: error,
        });
      }
    };
  }

  const methods: Record<string, SessionMethod> = {
    [`${service}/Info`]: async (call) => {
      const { blobs } = choose(call);
      const { digest } = await request(call, v1.InfoRequest.decode);
      const info = await found(blobs, digest);
      await call.send(v1.InfoResponse.encode({ info: infoMessage(info) }).finish());
    },
    [`${service}/Read`]: async (call) => {
      const { blobs } = choose(call);
      const { digest, offset, size } = await request(call, v1.ReadContentRequest.decode);
      await read(call, blobs, digest, offset.toNumber(), size.toNumber());
    },
    [`${service}/List`]: async (call) => {
      const { blobs } = choose(call);
      const { filters } = await request(call, v1.ListContentRequest.decode);
      if (filters.length > 0) throw new RpcError(rpcStatus.unimplemented, "filters of blobs are not offered");
      await list(call, blobs);
    },
    [`${service}/Write`]: async (call) => {
      const { blobs, locks, writable } = choose(call);
      if (!writable) throw new RpcError(rpcStatus.permissionDenied, "this store is read-only");
      await writeBlob(call, blobs, locks);
    },
    [`${service}/Status`]: async (call) => {
      const { locks } = choose(call);
      const { ref } = await request(call, v1.StatusRequest.decode);
      const status = locks.status(ref);
      if (status === undefined) throw new RpcError(rpcStatus.notFound, "no write with this ref is under way");
      await call.send(v1.StatusResponse.encode({ status }).finish());
    },
    [`${service}/ListStatuses`]: async (call) => {
      const { locks } = choose(call);
      await request(call, v1.ListStatusesRequest.decode);
      await call.send(v1.ListStatusesResponse.encode({ statuses: locks.statuses() }).finish());
    },
    [`${service}/Abort`]: async (call) => {
      const { locks } = choose(call);
      const { ref } = await request(call, v1.AbortRequest.decode);
      // A write lives as long as its stream: what is asked to go either has gone with it or is in use.
      const there = locks.status(ref) !== undefined;
      throw there
        ? new RpcError(rpcStatus.failedPrecondition, "the write is under way")
        : new RpcError(rpcStatus.notFound, "no write with this ref is under way");
    },
    [`${service}/Update`]: async (call) => {
      choose(call);
      throw new RpcError(rpcStatus.failedPrecondition, "blobs of an image layout have no labels to update");
    },
    [`${service}/Delete`]: async (call) => {
      choose(call);
      throw new RpcError(rpcStatus.permissionDenied, "a build does not delete blobs of this machine");
    },
  };
  return {
    methods: Object.fromEntries(Object.entries(methods).map(([path, method]) => [path, guarded(method)])),
    get failure() {
      return failure;
    },
  };
}

async function read(
  call: SessionCall,
  blobs: BlobDirectory,
  digest: string,
  from: number,
  length: number,
): Promise<void> {
  requireDigest(digest);
  const blob = await blobs.open(digest);
  if (blob === undefined) throw missing(digest);
  try {
    const start = Math.max(0, from);
    if (start > blob.size)
      throw new RpcError(rpcStatus.outOfRange, `read past object length ${blob.size} bytes`);
    const end = length <= 0 || length > blob.size - start ? blob.size : start + length;
    let at = start;
    while (at < end) {
      call.signal.throwIfAborted();
      // A new buffer each time: `send` may hold on to the one before.
      const chunk = Buffer.allocUnsafe(Math.min(readChunkBytes, end - at));
      const { bytesRead } = await blob.file.read(chunk, 0, chunk.byteLength, at);
      if (bytesRead === 0) throw new RpcError(rpcStatus.aborted, "the blob became shorter while it was read");
      await call.send(
        v1.ReadContentResponse.encode({ offset: at - start, data: chunk.subarray(0, bytesRead) }).finish(),
      );
      at += bytesRead;
    }
  } finally {
    await blob.file.close();
  }
}

async function list(call: SessionCall, blobs: BlobDirectory): Promise<void> {
  let batch: ReturnType<typeof infoMessage>[] = [];
  const flush = async () => {
    if (batch.length > 0) await call.send(v1.ListContentResponse.encode({ info: batch }).finish());
    batch = [];
  };
  for await (const info of blobs.list()) {
    call.signal.throwIfAborted();
    batch.push(infoMessage(info));
    if (batch.length === listChunk) await flush();
  }
  await flush();
}

async function found(blobs: BlobDirectory, digest: string): Promise<BlobInfo> {
  requireDigest(digest);
  const info = await blobs.info(digest);
  if (info === undefined) throw missing(digest);
  return info;
}

function requireDigest(digest: string): void {
  if (digestHex(digest) === undefined) throw new RpcError(rpcStatus.invalidArgument, "not a sha256 digest");
}

function missing(digest: string): RpcError {
  return new RpcError(rpcStatus.notFound, `content ${digest}: not found`);
}

async function request<T>(call: SessionCall, decode: (bytes: Uint8Array) => T): Promise<T> {
  for await (const message of call.messages) {
    try {
      return decode(message);
    } catch (cause) {
      throw new RpcError(rpcStatus.invalidArgument, "the request cannot be decoded", { cause });
    }
  }
  throw new RpcError(rpcStatus.invalidArgument, "the call has no request");
}

function infoMessage(info: BlobInfo) {
  return {
    digest: info.digest,
    size: info.size,
    createdAt: timestamp(info.createdAt),
    updatedAt: timestamp(info.updatedAt),
  };
}

function storeFailure(error: unknown): BuildKitError {
  if (error instanceof BuildKitError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BuildKitError(
      "disk_full",
      "No space is left on this machine for the layers that the build sends.",
      {
        hint: "Free space on the disk of the destination, or choose another one.",
        cause: error,
      },
    );
  }
  return new BuildKitError("export_failed", `The image layout on this machine cannot be used: ${message}`, {
    cause: error,
  });
}
