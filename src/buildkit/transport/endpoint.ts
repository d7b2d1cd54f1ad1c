import { BuildKitError } from "../errors.js";
import { type Address, formatAddress, parseAddress } from "./address.js";
import { dockerAddress } from "./docker-environment.js";
import { readTlsFiles, type TlsFiles } from "./tls-files.js";

/** A BuildKit that can be driven, and how it is reached. */
export type Endpoint =
  /** The BuildKit inside a Docker Engine, through the engine's API. */
  | { readonly kind: "docker"; readonly address: Address }
  /** A buildkitd that listens for gRPC itself. */
  | { readonly kind: "buildkitd"; readonly address: Address }
  /** A buildkitd in a container of a Docker Engine, through `buildctl dial-stdio` in that container. */
  | { readonly kind: "docker-container"; readonly container: string; readonly docker: Address };

const buildkitdPort = 1234;

/**
 * Understands a target as people write it:
 * nothing or `docker` - the engine docker would use; `NAME` or `context://NAME` - a docker context;
 * `docker+unix://`, `docker+tcp://`, `docker+ssh://` - that Docker Engine;
 * `unix://`, `tcp://HOST:PORT[?ca=FILE&cert=FILE&key=FILE&servername=NAME]` - a buildkitd;
 * `docker-container://NAME` - a buildkitd in that container of the engine docker would use.
 *
 * @throws BuildKitError option_invalid
 */
export async function parseTarget(
  target: string | undefined,
  env: NodeJS.ProcessEnv,
  tls?: TlsFiles,
): Promise<Endpoint> {
  if (target === undefined || target === "" || target === "docker") {
    return { kind: "docker", address: await dockerAddress(env) };
  }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(target)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: "docker", address: await dockerAddress(env, target) };
  const rest = target.slice(scheme.length + "://".length);
  if (scheme === "context") return { kind: "docker", address: await dockerAddress(env, rest) };
  if (scheme === "docker-container") {
    // The name becomes part of a URL path of the engine's API.
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(rest)) {
      throw new BuildKitError("option_invalid", `Not the name of a container: ${rest}`, {
        hint: "Write docker-container://NAME with a name from `docker ps`.",
      });
    }
    return { kind: "docker-container", container: rest, docker: await dockerAddress(env) };
  }
  if (scheme.startsWith("docker+")) {
    const material = tls === undefined ? undefined : await readTlsFiles(tls);
    const address = parseAddress(
      target.slice("docker+".length),
      material === undefined ? 2375 : 2376,
      material,
    );
    return { kind: "docker", address };
  }
  return { kind: "buildkitd", address: await buildkitdAddress(target, tls) };
}

async function buildkitdAddress(target: string, tls: TlsFiles | undefined): Promise<Address> {
  const [plain = target, query] = target.startsWith("tcp://") ? target.split("?", 2) : [target];
  const asked = query === undefined ? tls : { ...tls, ...queryFiles(query) };
  const address = parseAddress(
    plain,
    buildkitdPort,
    asked === undefined ? undefined : await readTlsFiles(asked),
  );
  if (address.type === "ssh") {
    throw new BuildKitError("option_invalid", `A buildkitd cannot be reached by ${formatAddress(address)}`, {
      hint: "Write docker+ssh://HOST for the Docker Engine of that host, or forward the socket with ssh -L.",
    });
  }
  return address;
}

function queryFiles(query: string): TlsFiles {
  const given = new URLSearchParams(query);
  const names = { ca: "ca", cacert: "ca", cert: "cert", key: "key", servername: "serverName" } as const;
  const files: Record<string, string> = {};
  for (const [key, value] of given) {
    const name = names[key as keyof typeof names];
    if (name === undefined) {
      throw new BuildKitError("option_invalid", `Unknown option of a buildkitd address: ${key}`, {
        hint: "Known are ca, cert, key (files) and servername.",
      });
    }
    files[name] = value;
  }
  return files;
}

/** The endpoint as a person would write it, for messages. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "docker-container") return `docker-container://${endpoint.container}`;
  return formatAddress(endpoint.address);
}
