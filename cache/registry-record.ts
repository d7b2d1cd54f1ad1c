import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CachePlaces } from "./places.js";
import { replaceFile } from "./replace-file.js";

/** What went to a registry from here: somebody else may have replaced or removed it there since. */
export interface RegistryLayers {
  readonly v: 1;
  readonly service: string;
  /** Name of the scope. */
  readonly scope: string;
  /** `host/path/repo:tag` */
  readonly ref: string;
  /** `max`: a cache of all stages. `inline`: the image itself, which knows what its own steps are. */
  readonly mode: "max" | "inline";
  /** Id of the build. */
  readonly build: string;
  /** RFC 3339. */
  readonly storedAt: string;
  /** Records of BuildKit that held the same when it was stored: an engine that has all of them needs none of this. Empty: not known. */
  readonly records: readonly string[];
  /** Keys of the build's steps (`StepInputs.key`). */
  readonly keys: readonly string[];
}

export async function writeRegistryLayers(places: CachePlaces, stored: RegistryLayers): Promise<void> {
  await replaceFile(places.registryOf(stored.scope, stored.service), JSON.stringify(stored));
}

/** Undefined where there is none. A damaged one is removed, and counts as none. */
export async function readRegistryLayers(path: string): Promise<RegistryLayers | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const stored = parse(text);
  if (stored === undefined) await rm(path, { force: true });
  return stored;
}

/** Of all scopes and services. */
export async function listRegistryLayers(places: CachePlaces): Promise<RegistryLayers[]> {
  const found: RegistryLayers[] = [];
  for (const scope of (await readdir(places.registry).catch(() => [])).sort())
    for (const name of (await readdir(join(places.registry, scope)).catch(() => [])).sort()) {
      const path = join(places.registry, scope, name);
      const stored = name.endsWith(".json") ? await readRegistryLayers(path) : undefined;
      if (stored && places.registryOf(stored.scope, stored.service) === path) found.push(stored);
    }
  return found;
}

function parse(text: string): RegistryLayers | undefined {
  try {
    const value = Object(JSON.parse(text)) as Partial<RegistryLayers>;
    const { v, service, scope, ref, mode, build, storedAt, records, keys } = value;
    if (v !== 1 || !Array.isArray(records) || !Array.isArray(keys)) return undefined;
    const texts = [service, scope, ref, mode, build, storedAt, ...records, ...keys];
    return texts.every((one) => typeof one === "string") ? (value as RegistryLayers) : undefined;
  } catch {
    return undefined;
  }
}
