import { engineError } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

/** What an engine is. */
export interface EngineFacts {
  /** `28.5.2+dfsg4`: distributions add to it. */
  readonly version: string;
  /** The newest API that it speaks, `1.51`. */
  readonly apiVersion: string;
  /** `linux` */
  readonly os: string;
  /** `amd64`, as images name it. */
  readonly architecture: string;
  /** `containerd`: the containerd image store, with archives, attestations, several platforms. */
  readonly store: "plain" | "containerd";
  /** Where it keeps everything, on its own machine. */
  readonly rootDirectory: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
}

/** Throws `engine_unreachable` and `engine_error`. */
export async function engineFacts(docker: Docker, signal: AbortSignal): Promise<EngineFacts> {
  try {
    const ask = () => Promise.all([docker.version(), docker.info()]);
    const [version, info] = await within(signal, ask, 20_000);
    const status: readonly (readonly string[])[] = info.DriverStatus ?? [];
    const snapshotter = status.some(
      ([key, value]) => key === "driver-type" && value?.startsWith("io.containerd."),
    );
    return {
      version: version.Version,
      apiVersion: version.ApiVersion,
      os: version.Os,
      architecture: version.Arch,
      store: snapshotter ? "containerd" : "plain",
      rootDirectory: info.DockerRootDir,
      cpus: info.NCPU,
      memory: info.MemTotal,
    };
  } catch (error) {
    throw engineError("the Docker Engine could not be asked what it is", error, signal);
  }
}
