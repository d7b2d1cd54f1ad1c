import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Kept, keptKinds, type Removed } from "./kept.js";
import { replaceFile } from "./replace-file.js";

/** What the engine held of ours when it was last looked at: asking it takes long, and it may be away. */
export interface EngineKept {
  /** RFC 3339. */
  readonly at: string;
  readonly kept: readonly Kept[];
}

const fileOf = (dataDirectory: string) => join(dataDirectory, "cache", "engine.json");

/** Undefined where it was never looked at, or that is damaged: it is written again after the next build. */
export async function readEngineKept(dataDirectory: string): Promise<EngineKept | undefined> {
  const text = await readFile(fileOf(dataDirectory), "utf8").catch(() => undefined);
  try {
    const { v, at, kept } = Object(JSON.parse(text ?? "null")) as Record<string, unknown>;
    return v === 1 && typeof at === "string" && Array.isArray(kept) && kept.every(isKept)
      ? { at, kept }
      : undefined;
  } catch {
    return undefined;
  }
}

export async function writeEngineKept(dataDirectory: string, { at, kept }: EngineKept): Promise<void> {
  await replaceFile(fileOf(dataDirectory), JSON.stringify({ v: 1, at, kept }));
}

/** Some of it was removed. */
export async function forgetEngineKept(dataDirectory: string, removed: readonly Removed[]): Promise<void> {
  const known = await readEngineKept(dataDirectory);
  if (!known) return;
  const idOf = ({ kind, repo, name }: Kept | Removed) => `${kind} ${repo} ${name}`;
  const gone = new Set(removed.map(idOf));
  await writeEngineKept(dataDirectory, {
    ...known,
    kept: known.kept.filter((item) => !gone.has(idOf(item))),
  });
}

function isKept(value: unknown): value is Kept {
  const { kind, repo, name, what, scope, size, lastUsedAt, usedBy } = Object(value) as Partial<Kept>;
  return (
    keptKinds.some((known) => known === kind) &&
    [repo, name, what, scope, lastUsedAt].every((field) => typeof field === "string") &&
    typeof size === "number" &&
    Array.isArray(usedBy)
  );
}
