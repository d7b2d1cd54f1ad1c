import { createHash, randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import pLimit from "p-limit";
import { GalleyError, orAborted, withDeadline } from "../errors/index.js";
import { ask, networkError } from "./http-request.js";
import { type LfsPointer, objectPath } from "./lfs-pointer.js";
import { askForObjects, common, type LfsDownload, type LfsRemote } from "./lfs-server.js";
import { type LfsObject, readStored, storedObject } from "./tree-sources.js";

/** LFS objects of a repository, fetched when they are read and kept in its mirror. */
export interface LfsObjects {
  object(pointer: LfsPointer): LfsObject;
  /** Ends what is being fetched. */
  close(): void;
}

const mostInBatch = 100;
const downloads = 4;
const tries = 3;
const batchMs = 120_000;
const defaultMaxBytes = 20 * 2 ** 30;

/**
 * Objects come when they are read: the daemon asks only for what it does not have, and an object that no build reads is never
 * fetched. All that is asked for in one turn is one request to the server. What arrives is checked against its SHA-256 and
 * size before anybody sees it, and lies under `directory` (`lfs/objects/aa/bb/oid`) then.
 */
export function createLfsObjects(directory: string, remote: () => Promise<LfsRemote>): LfsObjects {
  const ended = new AbortController();
  const { signal } = ended;
  // Every download listens.
  setMaxListeners(0, signal);
  const limit = pLimit(downloads);
  const arriving = new Map<string, Promise<void>>();
  let asked: { pointer: LfsPointer; resolve: (arrived: Promise<void>) => void }[] = [];

  const flush = async () => {
    const batch = asked.splice(0);
    asked = [];
    for (let at = 0; at < batch.length; at += mostInBatch) {
      const part = batch.slice(at, at + mostInBatch);
      const places = locate(
        remote,
        part.map(({ pointer }) => pointer),
        signal,
      );
      // Those who wait behind others for their turn hear of a failure later.
      places.catch(() => {});
      for (const { pointer, resolve } of part) {
        resolve(limit(async () => await fetchObject(directory, pointer, await places, signal)));
      }
    }
  };

  const arrived = (pointer: LfsPointer): Promise<void> => {
    const known = arriving.get(pointer.oid);
    if (known !== undefined) return known;
    if (asked.length === 0) setImmediate(() => void flush());
    const promise = new Promise<void>((resolve) => asked.push({ pointer, resolve }));
    arriving.set(pointer.oid, promise);
    promise.catch(() => {}).finally(() => arriving.delete(pointer.oid));
    return promise;
  };

  return {
    object: (pointer) => ({
      read: async function* (reading) {
        reading.throwIfAborted();
        const stored = storedObject(directory, pointer);
        // What is fetched goes on: another reader may wait for it.
        if (stored === undefined) await orAborted(arrived(pointer), reading);
        yield* readStored(join(directory, objectPath(pointer.oid)), reading);
      },
    }),
    close: () =>
      ended.abort(new GalleyError("git_failed", "The tree was closed while its LFS objects were fetched.")),
  };
}

interface Located {
  readonly lfs: LfsRemote;
  readonly objects: ReadonlyMap<string, LfsDownload | GalleyError>;
}

async function locate(
  remote: () => Promise<LfsRemote>,
  pointers: readonly LfsPointer[],
  signal: AbortSignal,
): Promise<Located> {
  const lfs = await remote();
  const deadline = withDeadline(signal, batchMs);
  return { lfs, objects: await again(() => askForObjects(lfs, pointers, deadline), signal) };
}

async function fetchObject(
  directory: string,
  pointer: LfsPointer,
  { lfs, objects }: Located,
  signal: AbortSignal,
): Promise<void> {
  const found = objects.get(pointer.oid);
  if (found instanceof GalleyError) throw found;
  if (found === undefined) {
    throw new GalleyError(
      "git_failed",
      `The LFS server of ${lfs.remote.url} left out object ${pointer.oid.slice(0, 12)}.`,
    );
  }
  if (pointer.size > (lfs.git.maxBytes ?? defaultMaxBytes)) {
    throw new GalleyError(
      "git_failed",
      `The LFS object ${pointer.oid.slice(0, 12)} is larger than is allowed.`,
    );
  }
  await again(() => download(directory, pointer, found, lfs, signal), signal);
}

async function download(
  directory: string,
  pointer: LfsPointer,
  { url, headers }: LfsDownload,
  lfs: LfsRemote,
  signal: AbortSignal,
): Promise<void> {
  const answer = await ask({ method: "GET", url, headers, ...common(lfs), signal });
  if (answer.statusCode !== 200) {
    answer.destroy();
    const gone = (answer.statusCode ?? 0) >= 500 || answer.statusCode === 429;
    throw new GalleyError(
      gone ? "git_unreachable" : "git_failed",
      `${url.origin} answered with ${answer.statusCode} when an LFS object of ${lfs.remote.url} was fetched.`,
    );
  }
  const target = join(directory, objectPath(pointer.oid));
  const part = join(directory, "lfs/tmp", `${pointer.oid}.${randomBytes(6).toString("hex")}`);
  await mkdir(dirname(part), { recursive: true });
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  let size = 0;
  try {
    await pipeline(
      answer,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          size += chunk.length;
          if (size > pointer.size) break;
          hash.update(chunk);
          yield chunk;
        }
      },
      createWriteStream(part, { flags: "wx", mode: 0o600 }),
      { signal },
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      throw networkError(url, error);
    });
    if (size !== pointer.size || hash.digest("hex") !== pointer.oid) {
      throw new GalleyError(
        "git_failed",
        `${url.origin} sent something else than the LFS object ${pointer.oid.slice(0, 12)} of ${lfs.remote.url}.`,
        { hint: "Its size or SHA-256 differ: the file on the LFS server is damaged." },
      );
    }
    await rename(part, target);
  } finally {
    await rm(part, { force: true });
  }
}

/** Repeats what failed for a reason that passes: 0.5 s and 1 s later, give or take a half. */
async function again<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      const passing = error instanceof GalleyError && ["git_unreachable", "git_timeout"].includes(error.code);
      if (!passing || attempt === tries) throw error;
      await wait(2 ** attempt * 250 * (0.5 + Math.random()), undefined, { signal });
    }
  }
}
