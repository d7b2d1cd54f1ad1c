import { GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly command?: readonly string[] | undefined;
  /** In place of the image's own; `command` are then its arguments. */
  readonly entrypoint?: readonly string[] | undefined;
  /** A network's name, or `container:<id>` to share the network of another container. */
  readonly network: string;
  /** Names by which the others on the network reach it. */
  readonly aliases: readonly string[];
  /** Ports inside the container that are published on 127.0.0.1; 0 lets the engine choose the outer one. */
  readonly publish: Readonly<Record<number, number>>;
  /** Path inside to the name of a volume. */
  readonly volumes?: Readonly<Record<string, string>> | undefined;
  /** `CHOWN`: the only ones that it has. Default: those that the engine gives. */
  readonly capabilities?: readonly string[] | undefined;
  /** Default: no limit. */
  readonly limits?: ContainerLimits | undefined;
  /** Default: `no`. */
  readonly restart?: "no" | "unless-stopped" | undefined;
}

export interface ContainerLimits {
  /** 1.5: one and a half. */
  readonly cpus?: number | undefined;
  /** Bytes; swap comes on top of it in no case. */
  readonly memory?: number | undefined;
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Also while it waits to be started again. */
  readonly running: boolean;
  /** It has ended and waits to be started again. */
  readonly restarting: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly restarts: number;
  /** Port inside to port on 127.0.0.1. */
  readonly published: Readonly<Record<number, number>>;
  /** Its address by the name of the network; networks on which it has none (it does not run) are left out. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Absent where the image has no health check. */
  readonly health?: "starting" | "healthy" | "unhealthy";
}

/** Creates and starts a container without privileges it does not need. Returns its id. */
export async function startContainer(
  docker: Docker,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<string> {
  const what = `container ${spec.name} could not be started`;
  let id: string | undefined;
  try {
    const settings = {
      name: spec.name,
      Image: spec.image,
      Labels: { ...spec.labels },
      Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
      ...(spec.entrypoint ? { Entrypoint: [...spec.entrypoint] } : {}),
      ...(spec.command ? { Cmd: [...spec.command] } : {}),
      ExposedPorts: Object.fromEntries(Object.keys(spec.publish).map((port) => [`${port}/tcp`, {}])),
      HostConfig: {
        NetworkMode: spec.network,
        PortBindings: Object.fromEntries(
          Object.entries(spec.publish).map(([inner, outer]) => [
            `${inner}/tcp`,
            [{ HostIp: "127.0.0.1", HostPort: outer === 0 ? "" : String(outer) }],
          ]),
        ),
        RestartPolicy: { Name: spec.restart ?? "no" },
        Mounts: Object.entries(spec.volumes ?? {}).map(([Target, Source]) => ({
          Type: "volume" as const,
          Target,
          Source,
        })),
        ...limitsOf(spec.limits),
        ...(spec.capabilities ? { CapDrop: ["ALL"], CapAdd: [...spec.capabilities] } : {}),
        SecurityOpt: ["no-new-privileges"],
        PidsLimit: 1024,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      },
      ...(spec.network.startsWith("container:")
        ? {}
        : { NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: [...spec.aliases] } } } }),
    };
    const made = await within(signal, (abortSignal) => docker.createContainer({ ...settings, abortSignal }));
    id = made.id;
    await within(signal, (abortSignal) => made.start({ abortSignal }));
    return id;
  } catch (error) {
    // A container that could be made but not started (a port that is taken) would block its name.
    if (id) await removeContainer(docker, id, AbortSignal.timeout(30_000)).catch(() => {});
    throw startError(what, spec, error, signal);
  }
}

function limitsOf({ cpus, memory }: ContainerLimits = {}) {
  return {
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    // Without the second the engine would allow as much swap again.
    ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
  };
}

function startError(what: string, spec: ContainerSpec, error: unknown, signal: AbortSignal): Error {
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
    const health = found.State.Health?.Status;
    return {
      id: found.Id,
      name: found.Name.replace(/^\//, ""),
      image: found.Image,
      labels: found.Config.Labels ?? {},
      running: found.State.Running,
      restarting: found.State.Restarting === true,
      exitCode: found.State.ExitCode,
      outOfMemory: found.State.OOMKilled,
      restarts: found.RestartCount,
      published: Object.fromEntries(
        Object.entries(found.NetworkSettings.Ports ?? {}).flatMap(([inner, outer]) =>
          outer?.[0] ? [[Number.parseInt(inner, 10), Number(outer[0].HostPort)]] : [],
        ),
      ),
      addresses: Object.fromEntries(
        Object.entries(found.NetworkSettings.Networks ?? {}).flatMap(([network, { IPAddress }]) =>
          IPAddress ? [[network, IPAddress]] : [],
        ),
      ),
      ...(health === "starting" || health === "healthy" || health === "unhealthy" ? { health } : {}),
    };
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

/** Stops (with the image's own signal, `graceSeconds` before it is killed) and removes a container with its anonymous volumes. */
export async function removeContainer(
  docker: Docker,
  id: string,
  signal: AbortSignal,
  graceSeconds = 0,
): Promise<void> {
  try {
    if (graceSeconds > 0) {
      const stop = (abortSignal: AbortSignal) =>
        docker.getContainer(id).stop({ t: graceSeconds, abortSignal });
      await within(signal, stop, (graceSeconds + 60) * 1000).catch((error: unknown) => {
        // 304: it is not running.
        if (statusOf(error) !== 304) throw error;
      });
    }
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
