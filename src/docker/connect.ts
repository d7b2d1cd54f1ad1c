import Dockerode from "dockerode";

/** Where an engine listens, already resolved from DOCKER_HOST or a context. */
export type DockerAddress =
  | { readonly socketPath: string }
  | {
      readonly host: string;
      readonly port: number;
      readonly tls?: {
        readonly ca?: Buffer | undefined;
        readonly cert?: Buffer | undefined;
        readonly key?: Buffer | undefined;
      };
    };

/** A connection to one engine's API; the functions of this room take it as their first argument. */
export type Docker = Dockerode;

/** Opens nothing yet: each call dials by itself. Calls wait at most `timeoutMs` (default 60,000) for an answer. */
export function connectDocker(address: DockerAddress, timeoutMs = 60_000): Docker {
  if ("socketPath" in address) return new Dockerode({ socketPath: address.socketPath, timeout: timeoutMs });
  const { host, port, tls } = address;
  return new Dockerode({
    host,
    port,
    protocol: tls ? "https" : "http",
    ...(tls?.ca ? { ca: tls.ca } : {}),
    ...(tls?.cert ? { cert: tls.cert } : {}),
    ...(tls?.key ? { key: tls.key } : {}),
    timeout: timeoutMs,
  });
}
