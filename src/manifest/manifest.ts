/** How a service's image is made; paths are relative to the repository's root. */
export interface ServiceBuild {
  /** Build context, default ".". */
  readonly path: string;
  /** Relative to `path`, default "Dockerfile". */
  readonly dockerfile: string;
  readonly target?: string | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Secrets of the project that its steps may mount, by their name as id (`RUN --mount=type=secret,id=NAME`). */
  readonly secrets?: readonly string[] | undefined;
}

export interface Service {
  readonly name: string;
  readonly kind: "web" | "api" | "worker" | "database" | "cache" | "queue" | "other";
  /** Present when the image is built; wins over `image`. */
  readonly build?: ServiceBuild | undefined;
  readonly image?: string | undefined;
  readonly command?: readonly string[] | undefined;
  /** The port inside the container that other services and the route reach. */
  readonly expose?: number | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Secrets of the project that it gets as variables of the same name. */
  readonly secrets?: readonly string[] | undefined;
  readonly dependsOn: readonly string[];
  /** Asked over HTTP on `expose` until it answers with `status`. */
  readonly health?:
    | { readonly path: string; readonly status: number; readonly timeoutSeconds: number }
    | undefined;
}

export interface Manifest {
  /** In the order of the file. */
  readonly services: readonly Service[];
}
