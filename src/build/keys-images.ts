import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import {
  canonicalName,
  type Docker,
  localImage,
  parseReference,
  type RegistryLogin,
  registryDigest,
} from "../docker/index.js";

/** What an image of a Dockerfile is at the moment. */
export interface InputImage {
  /** Digest in its registry; undefined for an image that only the engine has. */
  readonly digest: string | undefined;
  /** Id in the engine's own store, which a build uses first. */
  readonly local: string | undefined;
  /** The registry has something newer than the store: a build has to be told to look there. */
  readonly moved: boolean;
}

export interface InputImagesOptions {
  readonly docker: Docker;
  /** Where digests are kept over restarts. */
  readonly file: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How old a registry's answer may be. Default: an hour. */
  readonly maxAgeMs?: number;
}

export interface ResolveOptions {
  readonly signal: AbortSignal;
  readonly login: (image: string) => Promise<RegistryLogin | undefined>;
  /** Ask registries whatever is known. */
  readonly fresh?: boolean;
}

export interface InputImages {
  /** By the names that were given; those that nobody knows are left out. */
  resolve(names: readonly string[], options: ResolveOptions): Promise<ReadonlyMap<string, InputImage>>;
}

interface Answer {
  readonly digest: string | undefined;
  readonly at: number;
}

const hour = 3_600_000;
/** A registry that does not answer is not asked again for this long: the question may take seconds. */
const silenceMs = 600_000;
const mostKept = 1_000;

/**
 * Finds what images are now, as BuildKit would see it: what the engine's store has comes first, unless the registry from which
 * it came has moved on since.
 */
export function createInputImages(options: InputImagesOptions): InputImages {
  const { docker, file, now, maxAgeMs = hour } = options;
  let loading: Promise<Map<string, Answer>> | undefined;
  let saving = Promise.resolve();
  const asking = new Map<string, Promise<string | undefined>>();

  const remembered = () => {
    loading ??= load(file);
    return loading;
  };
  const ask = async (name: string, { signal, login, fresh }: ResolveOptions): Promise<string | undefined> => {
    const answers = await remembered();
    const known = answers.get(name);
    const age = known ? now() - known.at : Number.POSITIVE_INFINITY;
    // A clock that was set back makes an answer old, not new for ever.
    if (known && !fresh && age >= 0 && age < (known.digest ? maxAgeMs : silenceMs)) return known.digest;
    const digest = await registryDigest(docker, name, { signal, login: await login(name) });
    answers.delete(name);
    answers.set(name, { digest, at: now() });
    for (const oldest of answers.keys()) {
      if (answers.size <= mostKept) break;
      answers.delete(oldest);
    }
    saving = saving.then(() => save(file, answers)).catch(() => {});
    return digest;
  };
  const once = (name: string, resolve: ResolveOptions) => {
    const running = asking.get(name) ?? ask(name, resolve).finally(() => asking.delete(name));
    asking.set(name, running);
    return running;
  };

  const look = async (given: string, resolve: ResolveOptions): Promise<InputImage | undefined> => {
    const { digest: pinned, registry, repository } = parseReference(given);
    if (pinned) return { digest: pinned, local: undefined, moved: false };
    const name = canonicalName(given);
    const local = await localImage(docker, given, resolve.signal);
    if (!local) {
      const digest = await once(name, resolve);
      return digest === undefined ? undefined : { digest, local: undefined, moved: false };
    }
    const own = { digest: undefined, local: local.id, moved: false };
    const origins = local.digests.filter((one) => sameRepository(one, registry, repository));
    // It was made here: no registry has a say.
    if (origins.length === 0) return own;
    const digest = await once(name, resolve);
    if (digest === undefined) return own;
    return { digest, local: local.id, moved: !origins.some((one) => one.endsWith(`@${digest}`)) };
  };

  return {
    async resolve(names, resolve) {
      const found = new Map<string, InputImage>();
      await Promise.all(
        names.map(async (name) => {
          const image = await look(name, resolve);
          if (image) found.set(name, image);
        }),
      );
      return found;
    },
  };
}

function sameRepository(name: string, registry: string, repository: string): boolean {
  try {
    const parsed = parseReference(name);
    return parsed.registry === registry && parsed.repository === repository;
  } catch {
    return false;
  }
}

async function load(file: string): Promise<Map<string, Answer>> {
  const answers = new Map<string, Answer>();
  try {
    const kept: unknown = JSON.parse(await readFile(file, "utf8"));
    for (const [name, answer] of Object.entries(Object(kept))) {
      const { digest, at } = Object(answer) as Record<string, unknown>;
      if (typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest) && typeof at === "number")
        answers.set(name, { digest, at });
    }
  } catch {
    // Not there, or damaged: the registries are asked again.
  }
  return answers;
}

async function save(file: string, answers: ReadonlyMap<string, Answer>): Promise<void> {
  const kept = [...answers].filter(([, { digest }]) => digest !== undefined);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(kept)));
  await rename(`${file}.new`, file);
}
