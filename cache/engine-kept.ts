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
  await replaceFile(
    fileOf(dataDirectory),
    JSON.stringify({ v: 1, at, sums: Object.fromEntries(sumsOf(kept)), kept }),
  );
}

/** Bytes of what the engine holds for a repository: BuildKit's records of cache mounts and contexts, and images. */
export interface EngineSums {
  readonly record: number;
  readonly image: number;
}

const nothingHeld: EngineSums = { record: 0, image: 0 };

export function sumsOf(kept: readonly Kept[]): Map<string, EngineSums> {
  const sums = new Map<string, EngineSums>();
  for (const { repo, kind, size } of kept) {
    const sum = kind === "context" ? "record" : kind;
    if (sum !== "record" && sum !== "image") continue;
    const before = sums.get(repo) ?? nothingHeld;
    sums.set(repo, { ...before, [sum]: before[sum] + size });
  }
  return sums;
}

/** The same of all repositories, for which the list itself, which is long, need not be read. */
export async function readEngineSums(
  dataDirectory: string,
): Promise<{ readonly at: string; readonly of: (repo: string) => EngineSums } | undefined> {
  const text = await readFile(fileOf(dataDirectory), "utf8").catch(() => "");
  const found = headOf(text);
  if (found) return { at: found.at, of: (repo) => found.sums.get(repo) ?? nothingHeld };
  const whole = await readEngineKept(dataDirectory);
  if (!whole) return undefined;
  const sums = sumsOf(whole.kept);
  return { at: whole.at, of: (repo) => sums.get(repo) ?? nothingHeld };
}

/** What stands before the list. In a text of JSON the quotes would not be bare. */
const listBegins = ',"kept":[';

function headOf(text: string): { at: string; sums: Map<string, EngineSums> } | undefined {
  const end = text.indexOf(listBegins);
  if (end === -1) return undefined;
  try {
    const { v, at, sums } = Object(JSON.parse(`${text.slice(0, end)}}`)) as Record<string, unknown>;
    const entries = Object.entries(Object(sums) as Record<string, EngineSums>);
    const isNumbers = ({ record, image }: Partial<EngineSums>) =>
      typeof record === "number" && typeof image === "number";
    return v === 1 && typeof at === "string" && sums && entries.every(([, one]) => isNumbers(Object(one)))
      ? { at, sums: new Map(entries) }
      : undefined;
  } catch {
    return undefined;
  }
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
