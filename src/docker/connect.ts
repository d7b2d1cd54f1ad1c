import { Agent } from "node:https";
import type Dockerode from "dockerode";
import { GalleyError } from "../errors/index.js";

/** Certificates of a TLS connection, as PEM bytes. Without `ca` the system's roots decide. */
export interface DockerTls {
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** Name the engine's certificate must carry. Default: the host. */
  readonly serverName?: string | undefined;
  /** Accept any certificate. */
  readonly skipVerify?: boolean | undefined;
}

/** Where an engine listens, already resolved from DOCKER_HOST or a context. */
export type DockerAddress =
  | { readonly socketPath: string }
  | { readonly host: string; readonly port: number; readonly tls?: DockerTls };

/** A connection to one engine's API; the functions of this room take it as their first argument. */
export type Docker = Dockerode;

/**
 * Opens nothing yet: each call dials by itself. The client library is loaded here and not with the room: it is large, and most
 * builds never start a container. The environment has no say: the client library would let DOCKER_HOST and
 * its companions win over the address, unless every option that they set is given.
 */
export async function connectDocker(address: DockerAddress): Promise<Docker> {
  const plain = {
    protocol: "http",
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
  };
  const apart = { username: undefined, pathPrefix: undefined, timeout: undefined, headers: {} };
  try {
    if ("socketPath" in address)
      return await connection({ ...plain, ...apart, socketPath: address.socketPath });
    const { host, port, tls } = address;
    const target = {
      ...plain,
      ...apart,
      host: host.includes(":") ? `[${host}]` : host,
      port,
      socketPath: undefined,
    };
    if (tls === undefined) return await connection(target);
    const { ca, cert, key, serverName, skipVerify } = tls;
    const agent = new Agent({
      ca,
      cert,
      key,
      servername: serverName,
      rejectUnauthorized: skipVerify !== true,
    });
    return await connection({ ...target, protocol: "https", ca, cert, key, agent });
  } catch (cause) {
    throw new GalleyError(
      "engine_unreachable",
      `The Docker Engine's address cannot be used: ${(cause as Error).message}`,
      {
        hint: "Check DOCKER_HOST, DOCKER_CERT_PATH and the certificates of the docker context.",
        cause,
      },
    );
  }
}

/** The library's types know neither `undefined` nor `agent`. */
async function connection(options: object): Promise<Docker> {
  const { default: Client } = await import("dockerode");
  return new Client(options as Dockerode.DockerOptions);
}
