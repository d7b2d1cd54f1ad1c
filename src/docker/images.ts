import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { type HealthCheckSpec, healthOf } from "./container-spec.js";
import { parseReference } from "./reference.js";
import { followTransfer, registryAuth, type TransferOptions } from "./transfer.js";
import { transferError } from "./transfer-error.js";
import { within } from "./within.js";

export interface ImageFacts {
  readonly id: string;
  /** Names that it has, with their tags. */
  readonly names: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** `port/protocol`, as EXPOSE wrote them. */
  readonly exposed: readonly string[];
  /** Paths that VOLUME names. */
  readonly volumes: readonly string[];
  readonly os: string;
  readonly architecture: string;
  /** Undefined: none. */
  readonly healthCheck: HealthCheckSpec | undefined;
}

/** Undefined when the engine has no such image. */
export async function inspectImage(
  docker: Docker,
  name: string,
  signal: AbortSignal,
): Promise<ImageFacts | undefined> {
  try {
    const found = await within(signal, () => docker.getImage(name).inspect());
    return {
      id: found.Id,
      names: found.RepoTags ?? [],
      labels: found.Config?.Labels ?? {},
      exposed: Object.keys(found.Config?.ExposedPorts ?? {}),
      volumes: Object.keys(found.Config?.Volumes ?? {}),
      os: found.Os,
      architecture: found.Architecture,
      healthCheck: healthOf((found.Config as { Healthcheck?: unknown } | undefined)?.Healthcheck),
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`image ${name} could not be looked at`, error, signal);
  }
}

/** Ids and names of the images that carry these labels. */
export async function findImages(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly names: readonly string[] }[]> {
  try {
    const filters = { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
    const found = await within(signal, (abortSignal) =>
      docker.listImages({ filters: JSON.stringify(filters), abortSignal }),
    );
    return found.map(({ Id, RepoTags }) => ({ id: Id, names: RepoTags ?? [] }));
  } catch (error) {
    throw engineError("images could not be listed", error, signal);
  }
}

/** An image as the engine lists it. */
export interface ListedImage {
  readonly id: string;
  readonly names: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Bytes of the layers that no other image has; undefined where the engine does not say (before 23). */
  readonly ownBytes: number | undefined;
  /** Bytes of its other layers. */
  readonly sharedBytes: number | undefined;
}

/** The images that carry these labels, with what their removal would free. Takes the engine longer than `findImages`. */
export async function listImages(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ListedImage[]> {
  try {
    const filters = { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
    const options = { filters: JSON.stringify(filters), "shared-size": true };
    const found = await within(
      signal,
      (abortSignal) => docker.listImages({ ...options, abortSignal }),
      120_000,
    );
    return found.map(({ Id, RepoTags, Labels, Created, Size, SharedSize }) => ({
      id: Id,
      names: RepoTags ?? [],
      labels: Labels ?? {},
      createdAt: new Date(Created * 1000).toISOString(),
      ...(SharedSize === undefined || SharedSize < 0
        ? { ownBytes: undefined, sharedBytes: undefined }
        : { ownBytes: Math.max(0, Size - SharedSize), sharedBytes: SharedSize }),
    }));
  } catch (error) {
    throw engineError("images could not be listed", error, signal);
  }
}

/** Takes a name away from an image, which goes with its last one. False when a container needs it; one that is gone is no error. */
export async function removeImage(docker: Docker, name: string, signal: AbortSignal): Promise<boolean> {
  try {
    await within(signal, (abortSignal) => docker.getImage(name).remove({ abortSignal }), 120_000);
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return true;
    if (statusOf(error) === 409) return false;
    throw engineError(`image ${name} could not be removed`, error, signal);
  }
}

/** Pulls an image. Throws what `transferError` says. */
export async function pullImage(docker: Docker, name: string, options: TransferOptions): Promise<void> {
  const { registry, repository, tag, digest } = parseReference(name);
  const { signal, login } = options;
  try {
    const authconfig = registryAuth(registry, login);
    // A digest takes the tag's place: the API has one field for both.
    const from = { fromImage: `${registry}/${repository}`, tag: digest ?? tag ?? "latest" };
    const stream = await within(signal, (abortSignal) =>
      docker.createImage(authconfig, { ...from, abortSignal } as object),
    );
    await followTransfer(stream, options);
  } catch (error) {
    throw transferError({ direction: "pull", name, withLogin: login !== undefined }, error, signal);
  }
}

/** Pushes a name of the engine's store to its registry. Resolves with the digest of what is there now, where it is told. */
export async function pushImage(
  docker: Docker,
  name: string,
  options: TransferOptions,
): Promise<{ readonly digest?: string }> {
  const { registry, repository, tag = "latest" } = parseReference(name);
  const { signal, login } = options;
  try {
    const authconfig = registryAuth(registry, login);
    // The API wants the tag apart, and takes a name with one for a tag of its own.
    const plain =
      registry === "docker.io" ? repository.replace(/^library\//, "") : `${registry}/${repository}`;
    const stream = await within(signal, (abortSignal) =>
      docker.getImage(plain).push({ tag, abortSignal, authconfig }),
    );
    return await followTransfer(stream, options);
  } catch (error) {
    throw transferError({ direction: "push", name, withLogin: login !== undefined }, error, signal);
  }
}
