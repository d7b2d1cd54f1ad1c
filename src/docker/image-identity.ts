import { GalleyError } from "../errors/index.js";
import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { parseReference } from "./reference.js";
import { type RegistryLogin, registryAuth } from "./transfer.js";
import { transferError } from "./transfer-error.js";
import { within } from "./within.js";

export interface LocalImage {
  readonly id: string;
  /** Digests under which registries know it, `registry/repository@sha256:…` in the engine's short form. */
  readonly digests: readonly string[];
}

/** What the engine's own store has under a name; undefined when it has nothing. */
export async function localImage(
  docker: Docker,
  name: string,
  signal: AbortSignal,
): Promise<LocalImage | undefined> {
  try {
    const found = await within(signal, () => docker.getImage(name).inspect());
    return { id: found.Id, digests: found.RepoDigests ?? [] };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`image ${name} could not be looked at`, error, signal);
  }
}

export interface RegistryDigestOptions {
  readonly login?: RegistryLogin | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds the registry gets. Default 10,000. */
  readonly limitMs?: number;
}

/**
 * The digest that the registry has under a name now, asked by the engine with its own mirrors and certificates. Undefined when
 * there is no answer or no such image: whoever builds from it will be told why.
 */
export async function registryDigest(
  docker: Docker,
  name: string,
  options: RegistryDigestOptions,
): Promise<string | undefined> {
  try {
    return await findInRegistry(docker, name, options);
  } catch {
    options.signal.throwIfAborted();
    return undefined;
  }
}

/** The same, of which a registry that gives no answer is told from one that has nothing there. Throws what `transferError` says. */
export async function findInRegistry(
  docker: Docker,
  name: string,
  options: RegistryDigestOptions,
): Promise<string | undefined> {
  const { registry, repository, tag = "latest" } = parseReference(name);
  const { login, signal, limitMs = 10_000 } = options;
  try {
    const authconfig = registryAuth(registry, login);
    const ask = () => docker.getImage(`${registry}/${repository}:${tag}`).distribution({ authconfig });
    const answer: unknown = await within(signal, ask, limitMs);
    const digest = (answer as { Descriptor?: { digest?: unknown } } | null)?.Descriptor?.digest;
    return typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  } catch (error) {
    const failure = transferError({ direction: "pull", name, withLogin: login !== undefined }, error, signal);
    if (failure instanceof GalleyError && failure.code === "image_not_found") return undefined;
    throw failure;
  }
}

/** The platforms for which a registry has an image, `os/architecture[/variant]`; empty where it does not say. */
export async function registryPlatforms(
  docker: Docker,
  name: string,
  { login, signal, limitMs = 10_000 }: RegistryDigestOptions,
): Promise<readonly string[]> {
  const { registry, repository, tag = "latest", digest } = parseReference(name);
  try {
    const authconfig = registryAuth(registry, login);
    const reference = `${registry}/${repository}${digest ? `@${digest}` : `:${tag}`}`;
    const ask = () => docker.getImage(reference).distribution({ authconfig });
    const answer: unknown = await within(signal, ask, limitMs);
    const { Platforms: platforms } = Object(answer) as { Platforms?: unknown };
    const found = (Array.isArray(platforms) ? platforms : []).map((one: unknown) => {
      const { os, architecture, variant } = Object(one) as Record<string, unknown>;
      return [os, architecture, variant].filter((part) => typeof part === "string" && part !== "").join("/");
    });
    // What says so are attestations, not images.
    return [...new Set(found)].filter((platform) => platform !== "" && !platform.startsWith("unknown"));
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

/** Gives an image of the engine another name. Throws `image_not_found` when there is no such image. */
export async function tagImage(docker: Docker, id: string, name: string, signal: AbortSignal): Promise<void> {
  const colon = name.lastIndexOf(":");
  try {
    const target = { repo: name.slice(0, colon), tag: name.slice(colon + 1) };
    await within(signal, () => docker.getImage(id).tag(target));
  } catch (error) {
    if (statusOf(error) === 404)
      throw new GalleyError("image_not_found", `the engine has no image ${id} any more`, { cause: error });
    throw engineError(`image ${id} could not be named ${name}`, error, signal);
  }
}
