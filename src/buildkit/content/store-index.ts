import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildKitError } from "../errors.js";
import { digestHex } from "./digest.js";

/** An OCI descriptor; fields this room does not use are kept as they are. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What an entry of the index is called: a full image name (`docker.io/library/a:b`), or a bare tag. */
export type IndexName = { readonly image: string } | { readonly tag: string };

interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

const imageNameKey = "io.containerd.image.name";
const refNameKey = "org.opencontainers.image.ref.name";
const indexMediaType = "application/vnd.oci.image.index.v1+json";
const maxIndexBytes = 16 * 1024 * 1024;
/** A lock older than this was left behind by a process that died: what it guards takes milliseconds. */
const staleLockMs = 10_000;

/** The entries of `index.json`; undefined when there is none. Throws `context_invalid` for what is no index. */
export async function readStoreIndex(directory: string): Promise<readonly Descriptor[] | undefined> {
  const path = join(directory, "index.json");
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw unreadable(path, error);
    },
  );
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > maxIndexBytes) throw invalid(path, "is not a file of at most 16 MiB");
    const value: unknown = JSON.parse(await file.readFile("utf8"));
    const manifests = (value as { manifests?: unknown } | null)?.manifests ?? [];
    if (!Array.isArray(manifests)) throw invalid(path, "has no list of manifests");
    return manifests.map((entry: unknown) => {
      if (!isDescriptor(entry)) throw invalid(path, "lists a manifest without a proper digest and size");
      return entry;
    });
  } catch (error) {
    if (error instanceof BuildKitError) throw error;
    throw error instanceof SyntaxError ? invalid(path, "is not JSON") : unreadable(path, error);
  } finally {
    await file.close();
  }
}

/** The entry of that name: a full image name first, then a tag, as buildx looks it up. */
export function findInIndex(manifests: readonly Descriptor[], name: string): Descriptor | undefined {
  return (
    manifests.find((entry) => entry.annotations?.[imageNameKey] === name) ??
    manifests.find((entry) => entry.annotations?.[refNameKey] === name)
  );
}

/**
 * Puts a manifest under each name in place of what had that name, and makes the directory an image layout. Readers see
 * the old index or the new one. Writers in other Galley processes wait their turn; buildx takes another lock.
 */
export async function putInIndex(
  directory: string,
  descriptor: Descriptor,
  names: readonly IndexName[],
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const lock = join(directory, ".index.json.galley-lock");
  await takeLock(lock, signal);
  try {
    let manifests = (await readStoreIndex(directory)) ?? [];
    for (const name of names) {
      const entry = named(descriptor, name);
      manifests = [...manifests.filter((other) => !sameName(other, entry)), entry];
    }
    const index: Index = { schemaVersion: 2, mediaType: indexMediaType, manifests };
    await replaceFile(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    await replaceFile(join(directory, "index.json"), JSON.stringify(index));
  } finally {
    await rm(lock, { force: true });
  }
}

export function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== "object" || value === null) return false;
  const { digest, size, mediaType, annotations } = value as Partial<Record<keyof Descriptor, unknown>>;
  return (
    typeof digest === "string" &&
    digestHex(digest) !== undefined &&
    typeof size === "number" &&
    Number.isSafeInteger(size) &&
    size >= 0 &&
    typeof mediaType === "string" &&
    (annotations === undefined || annotations === null || typeof annotations === "object")
  );
}

function named(descriptor: Descriptor, name: IndexName): Descriptor {
  const annotations: Record<string, string> = { ...descriptor.annotations };
  if ("image" in name) {
    annotations[imageNameKey] = name.image;
    annotations[refNameKey] = objectOf(name.image);
  } else {
    delete annotations[imageNameKey];
    annotations[refNameKey] = name.tag;
  }
  return { ...descriptor, annotations };
}

function sameName(a: Descriptor, b: Descriptor): boolean {
  return (
    a.annotations?.[refNameKey] === b.annotations?.[refNameKey] &&
    (a.annotations?.[imageNameKey] ?? "") === (b.annotations?.[imageNameKey] ?? "")
  );
}

/** What follows the repository in an image name: `tag`, `tag@digest` or `@digest`. */
function objectOf(image: string): string {
  const slash = image.lastIndexOf("/");
  const at = image.slice(slash + 1).search(/[:@]/);
  if (at === -1) return image;
  const object = image.slice(slash + 1 + at);
  return object.startsWith(":") ? object.slice(1) : object;
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(temporary, text, { flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function takeLock(path: string, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + 3 * staleLockMs;
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const held = await stat(path).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > staleLockMs) await rm(path, { force: true });
    else if (Date.now() > deadline) {
      throw new BuildKitError("timeout", `Another process holds ${path}.`, {
        hint: "Remove the file if no build is running.",
      });
    } else await sleep(20, undefined, { signal });
  }
}

function invalid(path: string, what: string): BuildKitError {
  return new BuildKitError("context_invalid", `${path} ${what}.`, {
    hint: "The directory must be an OCI image layout, as buildx and galley write it.",
  });
}

function unreadable(path: string, cause: unknown): BuildKitError {
  return new BuildKitError("context_invalid", `${path} cannot be read: ${(cause as Error).message}`, {
    cause,
  });
}
