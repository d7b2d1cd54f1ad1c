import { GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { canonicalName, familiarName, parseReference } from "./reference.js";

/** What a registry is shown; absent for anonymous. The value never appears in an error. */
export type RegistryLogin =
  | { readonly username: string; readonly password: string }
  | { readonly identitytoken: string }
  | { readonly registrytoken: string };

export interface TransferOptions {
  readonly signal: AbortSignal;
  readonly login?: RegistryLogin | undefined;
  /** Bytes done and expected so far, over all layers that have begun. */
  readonly onProgress?: (progress: { readonly current: number; readonly total: number }) => void;
}

export interface ImageFacts {
  readonly id: string;
  /** `port/protocol`, as EXPOSE wrote them. */
  readonly exposed: readonly string[];
  readonly os: string;
  readonly architecture: string;
  readonly hasHealthcheck: boolean;
}

/** Undefined when the engine has no such image. */
export async function inspectImage(
  docker: Docker,
  name: string,
  signal: AbortSignal,
): Promise<ImageFacts | undefined> {
  try {
    // The client library passes the signal on, its types do not know that.
    const cancellable = { abortSignal: signal };
    const found = await docker.getImage(name).inspect(cancellable as object);
    return {
      id: found.Id,
      exposed: Object.keys(found.Config?.ExposedPorts ?? {}),
      os: found.Os,
      architecture: found.Architecture,
      hasHealthcheck: found.Config?.Healthcheck !== undefined && found.Config.Healthcheck !== null,
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`image ${name} could not be looked at`, error, signal);
  }
}

/** Pulls an image. Throws `image_not_found`, or `engine_error` with the registry's words. */
export async function pullImage(docker: Docker, name: string, options: TransferOptions): Promise<void> {
  const { registry, repository } = parseReference(name);
  const what = `image ${familiarName(name)} could not be pulled`;
  try {
    const stream = await docker.pull(canonicalName(name), {
      abortSignal: options.signal,
      ...(options.login ? { authconfig: loginFor(registry, options.login) } : {}),
    });
    await follow(stream, options);
  } catch (error) {
    if (/not found|manifest unknown|does not exist/i.test(engineMessage(error)) && !options.signal.aborted) {
      throw new GalleyError("image_not_found", `${what}: there is no such image or tag, or it is private`, {
        hint: `Check the name and the tag of ${repository}, and log in where it is private: docker login ${registry}.`,
        cause: error,
      });
    }
    throw engineError(what, error, options.signal);
  }
}

/** Pushes a name of the engine's store to its registry. */
export async function pushImage(docker: Docker, name: string, options: TransferOptions): Promise<void> {
  const { registry, repository, tag = "latest" } = parseReference(name);
  try {
    // The API wants the tag apart, and takes a name with one for a tag of its own.
    const plain =
      registry === "docker.io" ? repository.replace(/^library\//, "") : `${registry}/${repository}`;
    const stream = await docker.getImage(plain).push({
      tag,
      abortSignal: options.signal,
      authconfig: loginFor(registry, options.login),
    });
    await follow(stream, options);
  } catch (error) {
    throw engineError(`image ${familiarName(name)} could not be pushed`, error, options.signal);
  }
}

function loginFor(registry: string, login: RegistryLogin | undefined): Record<string, string> {
  const serveraddress = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  return { ...(login ?? {}), serveraddress };
}

/** Reads a transfer's messages to their end; the engine answers 200 first and says in the stream that it failed. */
async function follow(stream: NodeJS.ReadableStream, { signal, onProgress }: TransferOptions): Promise<void> {
  const layers = new Map<string, { current: number; total: number }>();
  const stop = () => (stream as unknown as { destroy(): void }).destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const message of jsonLines(stream)) {
      const failed = (message.errorDetail as { message?: unknown } | undefined)?.message ?? message.error;
      if (typeof failed === "string") throw Object.assign(new Error(failed), { statusCode: 500 });
      const detail = message.progressDetail as { current?: unknown; total?: unknown } | undefined;
      if (
        typeof message.id === "string" &&
        typeof detail?.current === "number" &&
        typeof detail.total === "number"
      ) {
        layers.set(message.id, { current: detail.current, total: detail.total });
        const sums = [...layers.values()];
        onProgress?.({
          current: sums.reduce((sum, layer) => sum + layer.current, 0),
          total: sums.reduce((sum, layer) => sum + layer.total, 0),
        });
      }
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Longest line that is kept: a stream without line ends must not fill the memory. */
const MAX_LINE = 1024 * 1024;

async function* jsonLines(stream: NodeJS.ReadableStream): AsyncGenerator<Record<string, unknown>> {
  let rest = "";
  for await (const chunk of stream) {
    rest += chunk.toString();
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_LINE)
      throw new GalleyError("engine_error", "the Docker Engine's answer cannot be understood");
    for (const line of lines) {
      const message = parse(line);
      if (message) yield message;
    }
  }
  const last = parse(rest);
  if (last) yield last;
}

function parse(line: string): Record<string, unknown> | undefined {
  if (line.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
