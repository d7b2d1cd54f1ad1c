import { abortAfter, GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { type ContainerSpec, createBody } from "./container-spec.js";
import { type ContainerState, stateOf } from "./container-state.js";
import { within } from "./within.js";

/** Creates a container without privileges it does not need, and does not start it. Returns its id. */
async function createContainer(docker: Docker, spec: ContainerSpec, signal: AbortSignal): Promise<string> {
  try {
    const body = createBody(spec);
    const made = await within(signal, (abortSignal) => docker.createContainer({ ...body, abortSignal }));
    return made.id;
  } catch (error) {
    throw startError(spec, error, signal);
  }
}

/** Starts a container that was created or stopped; one that runs is no error. */
export async function startCreated(
  docker: Docker,
  id: string,
  spec: Pick<ContainerSpec, "name" | "image" | "publish">,
  signal: AbortSignal,
): Promise<void> {
  try {
    await within(signal, (abortSignal) => docker.getContainer(id).start({ abortSignal }));
  } catch (error) {
    // 304: it runs already.
    if (statusOf(error) !== 304) throw startError(spec, error, signal);
  }
}

/**
 * Creates and starts a container. Returns its id.
 *
 * @param prepare what has to be done before it starts; the container goes when it fails
 */
export async function startContainer(
  docker: Docker,
  spec: ContainerSpec,
  signal: AbortSignal,
  prepare: (id: string) => Promise<void> = async () => {},
): Promise<string> {
  const id = await createContainer(docker, spec, signal);
  try {
    await prepare(id);
    await startCreated(docker, id, spec, signal);
    return id;
  } catch (error) {
    // A container that could be made but not started (a port that is taken) would block its name.
    await removeContainer(docker, id, abortAfter(30_000)).catch(() => {});
    throw error;
  }
}

function startError(
  spec: Pick<ContainerSpec, "name" | "image" | "publish">,
  error: unknown,
  signal: AbortSignal,
): Error {
  const what = `container ${spec.name} could not be started`;
  if (signal.aborted || statusOf(error) === undefined) return engineError(what, error, signal);
  const text = engineMessage(error);
  if (/port is already allocated|address already in use|failed to bind host port/.test(text)) {
    const ports = Object.values(spec.publish).filter((port) => port !== 0);
    return new GalleyError("port_in_use", `${what}: port ${ports.join(", ") || "of this machine"} is taken`, {
      hint: "Stop what listens there, or choose another port.",
      cause: error,
    });
  }
  if (statusOf(error) === 404 && /no such image/i.test(text)) {
    return new GalleyError("image_not_found", `${what}: the engine has no image ${spec.image}`, {
      hint: "Build or pull it first.",
      cause: error,
    });
  }
  return new GalleyError("container_failed", `${what}: ${text}`, { cause: error });
}

/** Undefined when it is gone. */
export async function inspectContainer(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<ContainerState | undefined> {
  try {
    const found = await within(signal, (abortSignal) => docker.getContainer(id).inspect({ abortSignal }));
    return stateOf(found);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`container ${id} could not be looked at`, error, signal);
  }
}

/** All containers, running or not, that carry these labels; a label without a value stands for any value. */
export async function findContainers(
  docker: Docker,
  labels: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<
  { readonly id: string; readonly labels: Readonly<Record<string, string>>; readonly running: boolean }[]
> {
  try {
    const filters = { label: labelFilter(labels) };
    const found = await within(signal, (abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    );
    return found.map(({ Id, Labels, State }) => ({
      id: Id,
      labels: Labels ?? {},
      running: State === "running",
    }));
  } catch (error) {
    throw engineError("containers could not be listed", error, signal);
  }
}

/** Ids of the images that any container of the engine has, running or not, whoever made it. */
export async function imagesInUse(docker: Docker, signal: AbortSignal): Promise<ReadonlySet<string>> {
  try {
    const found = await within(signal, (abortSignal) => docker.listContainers({ all: true, abortSignal }));
    return new Set(found.map(({ ImageID }) => ImageID));
  } catch (error) {
    throw engineError("containers could not be listed", error, signal);
  }
}

/** Waits until a container has ended and returns its exit code. Throws `engine_unreachable` when it has not in time. */
export async function containerEnd(
  docker: Docker,
  id: string,
  signal: AbortSignal,
  limitMs: number,
): Promise<number> {
  try {
    const ended = await within(
      signal,
      (abortSignal) => docker.getContainer(id).wait({ abortSignal }),
      limitMs,
    );
    return (ended as { StatusCode: number }).StatusCode;
  } catch (error) {
    throw engineError(`the end of container ${id} could not be awaited`, error, signal);
  }
}

function labelFilter(labels: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(labels).map(([key, value]) => (value === undefined ? key : `${key}=${value}`));
}

/** Stops a container with the image's own signal, `graceSeconds` before it is killed; one that does not run, or is gone, is no error. */
export async function stopContainer(
  docker: Docker,
  id: string,
  signal: AbortSignal,
  graceSeconds: number,
): Promise<void> {
  const stop = (abortSignal: AbortSignal) => docker.getContainer(id).stop({ t: graceSeconds, abortSignal });
  try {
    await within(signal, stop, (graceSeconds + 60) * 1000);
  } catch (error) {
    const status = statusOf(error);
    if (status !== 304 && status !== 404)
      throw engineError(`container ${id} could not be stopped`, error, signal);
  }
}

/** Stops (`graceSeconds` before it is killed) and removes a container with its anonymous volumes. */
export async function removeContainer(
  docker: Docker,
  id: string,
  signal: AbortSignal,
  graceSeconds = 0,
): Promise<void> {
  if (graceSeconds > 0) await stopContainer(docker, id, signal, graceSeconds);
  try {
    const remove = (abortSignal: AbortSignal) =>
      docker.getContainer(id).remove({ force: true, v: true, abortSignal });
    await within(signal, remove, 120_000);
  } catch (error) {
    const status = statusOf(error);
    // Gone, or being removed by somebody else.
    if (status !== 404 && status !== 409)
      throw engineError(`container ${id} could not be removed`, error, signal);
  }
}
