import { Readable } from "node:stream";
import { BuildKitError } from "../errors.js";

/** What came over stdin: a Dockerfile, or an archive that is to be uploaded as the context. */
export type StdinContext =
  | { readonly kind: "dockerfile"; readonly text: string }
  | { readonly kind: "tar"; readonly stream: Readable };

/** As much as BuildKit looks at: two blocks of a tar. */
const headBytes = 1024;
/** BuildKit reads no larger Dockerfile. */
const largestDockerfile = 2 * 1024 * 1024;

/**
 * Tells from the first bytes what a stream holds, as buildx does: an archive (tar, plain or with gzip, bzip2 or xz) or else a
 * Dockerfile, which is read to its end. Throws `context_invalid` for an empty stream, for zstd, which BuildKit does not
 * unpack, and for a Dockerfile beyond 2 MiB.
 */
export async function openStdinContext(stream: Readable, signal?: AbortSignal): Promise<StdinContext> {
  const chunks = stream.iterator({ destroyOnReturn: false });
  const abort = () => stream.destroy(abortError(signal));
  signal?.throwIfAborted();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    let head: Buffer = Buffer.alloc(0);
    let ended = false;
    while (head.length < headBytes && !ended) {
      const next = await chunks.next();
      ended = next.done === true;
      if (next.done !== true) head = Buffer.concat([head, asBytes(next.value)]);
    }
    if (head.length === 0) {
      throw new BuildKitError("context_invalid", "stdin is empty: neither a Dockerfile nor an archive.", {
        hint: "For example: galley build - < Dockerfile, or: tar -c . | galley build -",
      });
    }
    if (startsWith(head, [0x28, 0xb5, 0x2f, 0xfd])) {
      throw new BuildKitError(
        "context_invalid",
        "The archive on stdin is compressed with zstd, which BuildKit does not unpack.",
        {
          hint: "Decompress it first: zstd -dc context.tar.zst | galley build -",
        },
      );
    }
    if (isArchive(head))
      return { kind: "tar", stream: Readable.from(rejoin(head, chunks), { objectMode: false }) };
    return { kind: "dockerfile", text: await readText(head, chunks) };
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function isArchive(head: Buffer): boolean {
  return (
    startsWith(head, [0x1f, 0x8b, 0x08]) ||
    startsWith(head, [0x42, 0x5a, 0x68]) ||
    startsWith(head, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) ||
    isTarHeader(head)
  );
}

/** Every tar format has the sum of its header's bytes at 148, in octal, counted with spaces in its place. */
function isTarHeader(head: Buffer): boolean {
  if (head.length < 512) return false;
  const written = Number.parseInt(head.toString("latin1", 148, 156).replace(/[\0 ]/g, ""), 8);
  let unsigned = 0;
  let signed = 0;
  for (let at = 0; at < 512; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (head[at] ?? 0);
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  return written === unsigned || written === signed;
}

async function* rejoin(head: Buffer, rest: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield asBytes(next.value);
}

async function readText(head: Buffer, rest: AsyncIterator<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of rejoin(head, rest)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > largestDockerfile) {
      throw new BuildKitError(
        "context_invalid",
        "What came over stdin is no archive, and too large for a Dockerfile.",
        {
          hint: "A context has to be a tar archive, plain or compressed with gzip, bzip2 or xz.",
        },
      );
    }
  }
  return Buffer.concat(chunks).toString();
}

function startsWith(bytes: Buffer, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}

function asBytes(chunk: unknown): Buffer {
  return typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array);
}

function abortError(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new BuildKitError("cancelled", "Reading stdin was cancelled.");
}
