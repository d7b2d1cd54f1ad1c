import { containerd } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus, type SessionCall } from "../session/service.js";
import type { BlobDirectory, BlobIngest } from "./blobs.js";
import { digestHex } from "./digest.js";
import { timestamp } from "./timestamp.js";

const v1 = containerd.services.content.v1;
const { STAT, COMMIT, WRITE } = v1.WriteAction;

interface Write {
  readonly ref: string;
  total: number;
  expected: string;
  readonly ingest: BlobIngest;
}

/** The writes under way in one store, one per ref. */
export class WriteLocks {
  readonly #writes = new Map<string, Write | undefined>();
  readonly #most: number;
  #written = 0;

  /** @param most bytes that all of them together may write */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Counts bytes before they are written. @throws BuildKitError export_failed */
  count(bytes: number): void {
    this.#written += bytes;
    if (this.#written > this.#most)
      throw new BuildKitError("export_failed", `More than the ${this.#most} bytes that this store takes.`);
  }

  /** Holds the ref until `release`. Refused as unavailable while another call holds it: containerd's clients retry that. */
  take(ref: string): void {
    if (this.#writes.has(ref)) throw new RpcError(rpcStatus.unavailable, `ref ${ref} locked: unavailable`);
    this.#writes.set(ref, undefined);
  }

  hold(write: Write): void {
    this.#writes.set(write.ref, write);
  }

  release(ref: string): void {
    this.#writes.delete(ref);
  }

  status(ref: string) {
    const write = this.#writes.get(ref);
    return write === undefined ? undefined : statusMessage(write);
  }

  statuses() {
    return [...this.#writes.values()].filter((write) => write !== undefined).map(statusMessage);
  }
}

/**
 * Serves one Write call: STAT, WRITE and COMMIT messages, each answered, until COMMIT or the end of the stream. A blob
 * that is there already ends the call with ALREADY_EXISTS, which the daemon takes for success. A write that ends without
 * COMMIT leaves nothing behind, so that the next one starts at 0.
 */
export async function writeBlob(call: SessionCall, blobs: BlobDirectory, locks: WriteLocks): Promise<void> {
  let write: Write | undefined;
  let ref: string | undefined;
  try {
    for await (const message of call.messages) {
      call.signal.throwIfAborted();
      const request = decode(message);
      if (write === undefined) {
        if (request.ref === "")
          throw new RpcError(rpcStatus.invalidArgument, "first message must have a reference");
        locks.take(request.ref);
        ref = request.ref;
      }
      const { expected } = request;
      if (expected !== "") {
        if (digestHex(expected) === undefined)
          throw new RpcError(rpcStatus.invalidArgument, "not a sha256 digest");
        const there = await blobs.info(expected);
        const size = request.total.toNumber() || (write?.total ?? 0);
        // A blob of another length was damaged: it is written anew.
        if (there !== undefined && (size === 0 || size === there.size)) throw alreadyExists(expected);
      }
      if (write === undefined) {
        write = { ref: request.ref, total: 0, expected: "", ingest: await blobs.create() };
        locks.hold(write);
      }
      if (expected !== "") write.expected = expected;
      const total = request.total.toNumber();
      if (total > 0) write.total = total;
      const { ingest } = write;
      if (request.action === WRITE || request.action === COMMIT) {
        locks.count(request.data.byteLength);
        await append(ingest, request);
      } else if (request.action !== STAT)
        throw new RpcError(rpcStatus.invalidArgument, "unknown write action");

      if (request.action === COMMIT) await commit(write);
      await call.send(
        v1.WriteContentResponse.encode({
          action: request.action,
          startedAt: timestamp(ingest.startedAt),
          updatedAt: timestamp(ingest.updatedAt),
          offset: ingest.offset,
          total: write.total,
          // Hashing so far costs a copy of the state, not of the data.
          digest: ingest.digest(),
        }).finish(),
      );
      if (request.action === COMMIT) return;
    }
  } finally {
    await write?.ingest.close();
    if (ref !== undefined) locks.release(ref);
  }
}

async function append(
  ingest: BlobIngest,
  request: containerd.services.content.v1.WriteContentRequest,
): Promise<void> {
  const offset = request.offset.toNumber();
  if (offset < 0 || (offset > 0 && offset !== ingest.offset)) {
    throw new RpcError(
      rpcStatus.outOfRange,
      `write @${offset} must occur at current offset ${ingest.offset}`,
    );
  }
  if (offset === 0 && ingest.offset > 0) await ingest.truncate();
  await ingest.write(request.data);
}

async function commit(write: Write): Promise<void> {
  const { ingest, total, expected } = write;
  if (total > 0 && ingest.offset !== total) {
    throw new RpcError(
      rpcStatus.failedPrecondition,
      `unexpected commit size ${ingest.offset}, expected ${total}`,
    );
  }
  const digest = ingest.digest();
  if (expected !== "" && digest !== expected) {
    throw new RpcError(
      rpcStatus.failedPrecondition,
      `unexpected commit digest ${digest}, expected ${expected}`,
    );
  }
  if (!(await ingest.commit())) throw alreadyExists(digest);
}

function decode(message: Uint8Array) {
  try {
    return v1.WriteContentRequest.decode(message);
  } catch (cause) {
    throw new RpcError(rpcStatus.invalidArgument, "the request cannot be decoded", { cause });
  }
}

function alreadyExists(digest: string): RpcError {
  return new RpcError(rpcStatus.alreadyExists, `blob with expected digest ${digest} exists`);
}

function statusMessage({ ref, total, expected, ingest }: Write) {
  return {
    ref,
    total,
    expected,
    offset: ingest.offset,
    startedAt: timestamp(ingest.startedAt),
    updatedAt: timestamp(ingest.updatedAt),
  };
}
