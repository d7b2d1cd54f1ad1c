/** How a service's image is made; paths are relative to the repository's root. */
export interface ServiceBuild {
  /** Build context, default ".". */
  readonly path: string;
  /** Relative to `path`, default "Dockerfile". */
  readonly dockerfile: string;
  /** The Dockerfile's text where the repository has none: written for a language that was recognised, and shown to the user. */
  readonly generated?: string | undefined;
  readonly target?: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Secrets of the project that its steps may mount, by their name as id (`RUN --mount=type=secret,id=NAME`). */
  readonly secrets?: readonly string[] | undefined;
}

export const serviceKinds = ["web", "api", "worker", "database", "cache", "queue", "other"] as const;
export type ServiceKind = (typeof serviceKinds)[number];

export const restartPolicies = ["no", "always", "on-failure", "unless-stopped"] as const;
export type RestartPolicy = (typeof restartPolicies)[number];

export const pullPolicies = ["always", "missing", "never"] as const;
/**
 * When an image that is not built is pulled. `always`: at each deployment. `missing`: when the engine has none of its name. `never`: it has to
 * be there.
 */
export type PullPolicy = (typeof pullPolicies)[number];

/** Another service that has to be there first. */
export interface Dependency {
  readonly service: string;
  /**
   * `healthy`: it answers as its health check asks, or has settled where it has none. `started`: its container runs. `completed`: its
   * container has ended with exit code 0, as one that migrates a database does.
   */
  readonly until: "healthy" | "started" | "completed";
}

/** A container's own health check, as the engine runs it. */
export interface ContainerHealthCheck {
  /** `["CMD", ...]` or `["CMD-SHELL", line]`. */
  readonly test: readonly string[];
  readonly intervalSeconds?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly startPeriodSeconds?: number | undefined;
  readonly retries?: number | undefined;
}

/** A volume that lives as long as the environment, or as one deployment where the service is ephemeral. */
export interface ServiceVolume {
  /** Shared by the services that name it. Absent: the service's own. */
  readonly name?: string | undefined;
  /** Absolute path inside. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** A file that is put into the container before it starts: a config or a secret of a compose file. */
export interface ServiceFile {
  /** Absolute path inside. */
  readonly target: string;
  /** Interpolated like `env` where it is text; base64 where it is not. */
  readonly content: { readonly text: string } | { readonly base64: string } | { readonly secret: string };
  /** For example 0o444. */
  readonly mode: number;
}

export interface Service {
  readonly name: string;
  readonly kind: ServiceKind;
  /** Present when the image is built; wins over `image`. */
  readonly build?: ServiceBuild | undefined;
  readonly image?: string | undefined;
  /** Of an image that is not built. Default: `missing`; of the tag `latest`, what its registry has now, where that answers. */
  readonly pullPolicy?: PullPolicy | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  readonly command?: readonly string[] | undefined;
  /** Absolute path inside. */
  readonly workingDirectory?: string | undefined;
  /** `name`, `uid` or `uid:gid`. */
  readonly user?: string | undefined;
  /** The port inside the container that other services and the route reach. */
  readonly expose?: number | undefined;
  /** Values may have `${…}` until `interpolate` has been there. */
  readonly env: Readonly<Record<string, string>>;
  /** Secrets of the project that it gets as variables of the same name. */
  readonly secrets?: readonly string[] | undefined;
  readonly dependsOn: readonly Dependency[];
  /** Default: `unless-stopped`. */
  readonly restart?: RestartPolicy | undefined;
  /** Keeps nothing from one deployment to the next. Default: false. */
  readonly ephemeral?: boolean | undefined;
  /** Beside the ones that a database's image declares. */
  readonly volumes?: readonly ServiceVolume[] | undefined;
  readonly files?: readonly ServiceFile[] | undefined;
  /** Asked over HTTP on `expose` until it answers with `status`. */
  readonly health?:
    | { readonly path: string; readonly status: number; readonly timeoutSeconds: number }
    | undefined;
  /** Run by the engine inside the container, in place of the image's own. `none`: not even that. */
  readonly healthCheck?: ContainerHealthCheck | "none" | undefined;
  /** Absent: the project's, else the agent's defaults. */
  readonly resources?:
    | {
        readonly cpus?: number | undefined;
        /** Bytes. */
        readonly memory?: number | undefined;
      }
    | undefined;
}

/** A command in a container of a service's new image, on the environment's network, with the service's variables. */
export interface Hook {
  /** Whose image, variables and volumes it has. */
  readonly service: string;
  readonly command: readonly string[];
  /** Default 600. */
  readonly timeoutSeconds: number;
}

/** Something of a file that a preview leaves out, or that was guessed. */
export interface ManifestWarning {
  readonly file: string;
  /** From 1; absent: of the file as a whole. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
}

export interface Manifest {
  /** In the order of the file. */
  readonly services: readonly Service[];
  /** What it was made from. */
  readonly source?:
    | { readonly kind: "galley" | "compose" | "dockerfile" | "recognised"; readonly file: string }
    | undefined;
  /** Once, before the services that depend on it start for the first time in an environment: seeding, for example. */
  readonly onCreate?: readonly Hook[] | undefined;
  /** At each deployment, before the route switches: migrating, for example. */
  readonly onDeploy?: readonly Hook[] | undefined;
  readonly warnings?: readonly ManifestWarning[] | undefined;
}
