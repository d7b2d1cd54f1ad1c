import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly command?: readonly string[] | undefined;
  readonly network: string;
  /** Names by which the others on the network reach it. */
  readonly aliases: readonly string[];
  /** Ports inside the container that are published on 127.0.0.1; 0 lets the engine choose the outer one. */
  readonly publish: Readonly<Record<number, number>>;
}

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly restarts: number;
  /** Port inside to port on 127.0.0.1. */
  readonly published: Readonly<Record<number, number>>;
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
    const made = await docker.createContainer({
      name: spec.name,
      Image: spec.image,
      Labels: { ...spec.labels },
      Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
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
        RestartPolicy: { Name: "no" },
        SecurityOpt: ["no-new-privileges"],
        PidsLimit: 1024,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      },
      NetworkingConfig: { EndpointsConfig: { [spec.network]: { Aliases: [...spec.aliases] } } },
      abortSignal: signal,
    });
    id = made.id;
    await made.start({ abortSignal: signal });
    return id;
  } catch (error) {
    // A container that could be made but not started (a port that is taken) would block its name.
    if (id) await removeContainer(docker, id, AbortSignal.timeout(30_000)).catch(() => {});
    throw engineError(
      what,
      error,
      signal,
      /port is already allocated|address already in use/.test(String(error))
        ? "port_in_use"
        : "container_failed",
    );
  }
}

/** Undefined when it is gone. */
export async function inspectContainer(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<ContainerState | undefined> {
  try {
    const found = await docker.getContainer(id).inspect({ abortSignal: signal });
    const health = found.State.Health?.Status;
    return {
      id: found.Id,
      name: found.Name.replace(/^\//, ""),
      image: found.Image,
      labels: found.Config.Labels ?? {},
      running: found.State.Running,
      exitCode: found.State.ExitCode,
      outOfMemory: found.State.OOMKilled,
      restarts: found.RestartCount,
      published: Object.fromEntries(
        Object.entries(found.NetworkSettings.Ports ?? {}).flatMap(([inner, outer]) =>
          outer?.[0] ? [[Number.parseInt(inner, 10), Number(outer[0].HostPort)]] : [],
        ),
      ),
      ...(health === "starting" || health === "healthy" || health === "unhealthy" ? { health } : {}),
    };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`container ${id} could not be looked at`, error, signal);
  }
}

/** All containers, running or not, that carry these labels. */
export async function findContainers(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly labels: Readonly<Record<string, string>> }[]> {
  try {
    const found = await docker.listContainers({
      all: true,
      filters: { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) },
      abortSignal: signal,
    });
    return found.map(({ Id, Labels }) => ({ id: Id, labels: Labels ?? {} }));
  } catch (error) {
    throw engineError("containers could not be listed", error, signal);
  }
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
      await docker
        .getContainer(id)
        .stop({ t: graceSeconds, abortSignal: signal })
        // 304: it is not running.
        .catch((error) => {
          if (statusOf(error) !== 304) throw error;
        });
    }
    await docker.getContainer(id).remove({ force: true, v: true, abortSignal: signal });
  } catch (error) {
    const status = statusOf(error);
    // Gone, or being removed by somebody else.
    if (status !== 404 && status !== 409)
      throw engineError(`container ${id} could not be removed`, error, signal);
  }
}

/** The last lines of both streams in the order in which they were written, without line ends. */
export async function lastLogLines(
  docker: Docker,
  id: string,
  lines: number,
  signal: AbortSignal,
): Promise<string[]> {
  try {
    const raw = (await docker.getContainer(id).logs({
      stdout: true,
      stderr: true,
      tail: lines,
      follow: false,
      abortSignal: signal,
    })) as unknown as Buffer;
    return unframe(Buffer.from(raw))
      .split(/\r?\n/)
      .filter((line, at, all) => line !== "" || at < all.length - 1);
  } catch (error) {
    if (statusOf(error) === 404) return [];
    throw engineError(`the log of container ${id} could not be read`, error, signal);
  }
}

/** Takes the 8-byte headers (stream, length) out of the engine's answer; containers with a terminal have none. */
function unframe(raw: Buffer): string {
  const parts: Buffer[] = [];
  let at = 0;
  while (at + 8 <= raw.length) {
    if ((raw[at] ?? 9) > 2 || raw[at + 1] !== 0 || raw[at + 2] !== 0 || raw[at + 3] !== 0)
      return raw.toString("utf8");
    const length = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}
