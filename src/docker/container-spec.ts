/** What a container is made of. Every one gets `no-new-privileges`, a limit of processes and logs that are rotated. */
export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly command?: readonly string[] | undefined;
  /** In place of the image's own; `command` are then its arguments. */
  readonly entrypoint?: readonly string[] | undefined;
  readonly workingDirectory?: string | undefined;
  /** `name`, `uid` or `uid:gid`. Default: the image's. */
  readonly user?: string | undefined;
  /** A network's name, `host`, or `container:<id>` to share the network of another container. */
  readonly network: string;
  /** Names by which the others on the network reach it. */
  readonly aliases: readonly string[];
  /** Names that mean something to this container alone: each with the name or alias of another one on the network, there or to come. */
  readonly links?: Readonly<Record<string, string>> | undefined;
  /** Ports inside the container that are published on 127.0.0.1; 0 lets the engine choose the outer one. */
  readonly publish: Readonly<Record<number, number>>;
  readonly mounts?: readonly VolumeMount[] | undefined;
  /** `CHOWN`: the only ones that it has. Default: those that the engine gives. */
  readonly capabilities?: readonly string[] | undefined;
  /** Default: no limit. */
  readonly limits?: ContainerLimits | undefined;
  /** Default: `no`. */
  readonly restart?: "no" | "on-failure" | "unless-stopped" | undefined;
  /** In place of the image's own; `none`: none at all. Default: the image's. */
  readonly healthCheck?: HealthCheckSpec | "none" | undefined;
}

export interface VolumeMount {
  /** Absolute path inside. */
  readonly target: string;
  /** Name of a volume. Absent: one without a name, which goes with the container. */
  readonly volume?: string | undefined;
  readonly readOnly?: boolean | undefined;
}

export interface ContainerLimits {
  /** 1.5: one and a half. */
  readonly cpus?: number | undefined;
  /** Bytes; swap comes on top of it in no case. */
  readonly memory?: number | undefined;
}

/** Run by the engine inside the container. What is absent is as the engine has it. */
export interface HealthCheckSpec {
  /** `["CMD", ...]` or `["CMD-SHELL", line]`. */
  readonly test: readonly string[];
  readonly intervalSeconds?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly startPeriodSeconds?: number | undefined;
  /** Between checks until the first that succeeds (API 1.44; older engines refuse it). */
  readonly startIntervalSeconds?: number | undefined;
  readonly retries?: number | undefined;
}

/** The body of the request that makes it. */
export function createBody(spec: ContainerSpec) {
  const { healthCheck, network } = spec;
  const links = Object.entries(spec.links ?? {}).map(([alias, name]) => `${name}:${alias}`);
  return {
    name: spec.name,
    Image: spec.image,
    Labels: { ...spec.labels },
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    ...(spec.entrypoint ? { Entrypoint: [...spec.entrypoint] } : {}),
    ...(spec.command ? { Cmd: [...spec.command] } : {}),
    ...(spec.workingDirectory ? { WorkingDir: spec.workingDirectory } : {}),
    ...(spec.user ? { User: spec.user } : {}),
    ...(healthCheck ? { Healthcheck: healthBody(healthCheck) } : {}),
    ExposedPorts: Object.fromEntries(Object.keys(spec.publish).map((port) => [`${port}/tcp`, {}])),
    HostConfig: {
      NetworkMode: network,
      PortBindings: Object.fromEntries(
        Object.entries(spec.publish).map(([inner, outer]) => [
          `${inner}/tcp`,
          [{ HostIp: "127.0.0.1", HostPort: outer === 0 ? "" : String(outer) }],
        ]),
      ),
      RestartPolicy: { Name: spec.restart ?? "no" },
      Mounts: (spec.mounts ?? []).map(({ target, volume, readOnly = false }) => ({
        Type: "volume" as const,
        Target: target,
        // Without a name the engine makes one up, and removes the volume with the container.
        Source: volume ?? "",
        ReadOnly: readOnly,
      })),
      ...limitsOf(spec.limits),
      ...(spec.capabilities ? { CapDrop: ["ALL"], CapAdd: [...spec.capabilities] } : {}),
      SecurityOpt: ["no-new-privileges"],
      PidsLimit: 1024,
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    },
    ...(network === "host" || network.startsWith("container:")
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: {
              [network]: { Aliases: [...spec.aliases], ...(links.length > 0 ? { Links: links } : {}) },
            },
          },
        }),
  };
}

function limitsOf({ cpus, memory }: ContainerLimits = {}) {
  return {
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    // Without the second the engine would allow as much swap again.
    ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
  };
}

/** A health check as the engine tells it, in nanoseconds. Undefined for none, and for one that is switched off. */
export function healthOf(found: unknown): HealthCheckSpec | undefined {
  const { Test, ...times } = (found ?? {}) as { Test?: unknown } & Record<string, unknown>;
  if (!Array.isArray(Test) || Test[0] === "NONE" || Test.length < 2) return undefined;
  const seconds = (name: string) => {
    const value = times[name];
    return typeof value === "number" && value > 0 ? value / 1e9 : undefined;
  };
  return {
    test: Test.map(String),
    intervalSeconds: seconds("Interval"),
    timeoutSeconds: seconds("Timeout"),
    startPeriodSeconds: seconds("StartPeriod"),
    retries: typeof times.Retries === "number" && times.Retries > 0 ? times.Retries : undefined,
  };
}

function healthBody(check: HealthCheckSpec | "none") {
  if (check === "none") return { Test: ["NONE"] };
  const { test, intervalSeconds, timeoutSeconds, startPeriodSeconds, startIntervalSeconds, retries } = check;
  const nanoseconds = (name: string, seconds: number | undefined) =>
    seconds === undefined ? {} : { [name]: Math.round(seconds * 1e9) };
  return {
    Test: [...test],
    ...nanoseconds("Interval", intervalSeconds),
    ...nanoseconds("Timeout", timeoutSeconds),
    ...nanoseconds("StartPeriod", startPeriodSeconds),
    ...nanoseconds("StartInterval", startIntervalSeconds),
    ...(retries === undefined ? {} : { Retries: retries }),
  };
}
