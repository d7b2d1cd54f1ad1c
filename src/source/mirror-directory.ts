import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GalleyError } from "../errors/index.js";

/** Where a mirror lies, and what belongs to it. */
export interface MirrorPlaces {
  /** The bare repository. */
  readonly path: string;
  /** Claims of the lock. Beside the repository, as that is exchanged as a whole. */
  readonly lock: string;
  /** Where a new one is made, and what is to be deleted waits. */
  readonly making: string;
  readonly leaving: string;
}

export function mirrorPlaces(root: string, repoKey: string): MirrorPlaces {
  if (!/^[a-z0-9][a-z0-9._-]{0,127}$/.test(repoKey) || repoKey.includes("..")) {
    throw new GalleyError("config_invalid", `${JSON.stringify(repoKey)} is no repository key.`);
  }
  return {
    path: join(root, `${repoKey}.git`),
    lock: join(root, ".lock", repoKey),
    making: join(root, ".making", repoKey),
    leaving: join(root, ".leaving", repoKey),
  };
}

const mark = "galley-mirror.json";
const doubt = "galley-damaged";
/** What a mirror keeps beside git's own files, and what outlives its being made anew. */
export const keptFolders = ["lfs", "modules", "forks"] as const;

/** What forks' code names and the repository's own does not is kept in here: it was had without a login, and the rest is not for forks. */
export const forksPlace = (path: string): string => join(path, "forks");

/** Is there a mirror that was finished, and that nobody has found to be damaged? */
export async function isWhole(path: string): Promise<boolean> {
  try {
    const [text, head, objects, refs, doubted] = await Promise.all([
      readFile(join(path, mark), "utf8"),
      readFile(join(path, "HEAD"), "utf8"),
      stat(join(path, "objects")),
      stat(join(path, "refs")),
      stat(join(path, doubt)).catch(() => undefined),
      stat(join(path, "config")),
    ]);
    const { v } = JSON.parse(text) as { v?: unknown };
    return v === 1 && head.length > 5 && objects.isDirectory() && refs.isDirectory() && doubted === undefined;
  } catch {
    return false;
  }
}

/** Notes that a mirror is damaged, so that the next fetch makes it anew. */
export async function markDamaged(path: string): Promise<void> {
  await writeFile(join(path, doubt), "").catch(() => {
    // It is gone altogether.
  });
}

/** A fresh place for a new repository. */
export async function newPlace({ making }: MirrorPlaces): Promise<string> {
  const path = join(making, `${randomBytes(6).toString("hex")}.git`);
  await mkdir(making, { recursive: true });
  return path;
}

/** Puts a finished repository in place of whatever is there, which moves aside, but for what is kept. */
export async function putInPlace(made: string, places: MirrorPlaces): Promise<void> {
  await writeFile(join(made, mark), `${JSON.stringify({ v: 1 })}\n`);
  for (const folder of keptFolders) await renameIfThere(join(places.path, folder), join(made, folder));
  await mkdir(places.leaving, { recursive: true });
  await renameIfThere(places.path, join(places.leaving, randomBytes(6).toString("hex")));
  await rename(made, places.path);
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // What stands in its place may be no directory.
    const nothing =
      error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR"].includes(String(error.code));
    if (!nothing) throw error;
  }
}

/** An LFS object that has not grown for so long is not being fetched any more. */
const abandonedMs = 3_600_000;

/** Removes what earlier attempts left: half made mirrors and replaced ones, half LFS objects. Only under the lock. */
export async function removeLeftovers({ path, making, leaving }: MirrorPlaces): Promise<void> {
  await rm(making, { recursive: true, force: true });
  await rm(leaving, { recursive: true, force: true });
  for (const place of [path, forksPlace(path)]) {
    const halves = join(place, "lfs/tmp");
    for (const name of await readdir(halves).catch(() => [])) {
      const half = join(halves, name);
      const found = await stat(half).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > abandonedMs) await rm(half, { force: true });
    }
  }
}

/**
 * Removes what a killed git leaves in a repository: lock files, packs that were being received, marks that keep a pack.
 * Only under the lock, when no git writes there.
 */
export async function removeStaleLocks(path: string): Promise<void> {
  await sweep(path, false, (name) => name.endsWith(".lock") || name === "gc.pid");
  await sweep(join(path, "refs"), true, (name) => name.endsWith(".lock"));
  await sweep(join(path, "objects"), false, (name) => name.startsWith("tmp_"));
  await sweep(join(path, "objects/info"), true, (name) => name.endsWith(".lock"));
  await sweep(join(path, "objects/pack"), false, (name) => /^(tmp_|\.tmp-)|\.(keep|lock)$/.test(name));
}

async function sweep(directory: string, deep: boolean, stale: (name: string) => boolean): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (deep) await sweep(path, deep, stale);
    } else if (stale(entry.name)) {
      await rm(path, { force: true });
    }
  }
}

/** Bytes of packs that are being received now. */
export async function bytesArriving(path: string): Promise<number> {
  let bytes = 0;
  const directory = join(path, "objects/pack");
  for (const name of await readdir(directory).catch(() => [])) {
    if (name.startsWith("tmp_"))
      bytes += (await stat(join(directory, name)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

/** How many packs there are: each costs every look-up a little. */
export async function packCount(path: string): Promise<number> {
  const names = await readdir(join(path, "objects/pack")).catch(() => []);
  return names.filter((name) => name.endsWith(".pack")).length;
}
