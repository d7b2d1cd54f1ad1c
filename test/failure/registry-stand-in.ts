// Registries that answer as the registry API (distribution spec) and its token servers describe, for what the lab's own
// registry does not do: refuse, limit, offer another platform only, speak TLS nobody trusts. On local addresses only.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, isIPv4 } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface StandIn {
  /** `host:port`, as an image's name begins. */
  readonly host: string;
  close(): Promise<void>;
}

/** An address of this machine that is not loopback: daemons trust loopback registries without TLS. */
export function localAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ address, internal }) => !internal && isIPv4(address));
    if (found !== undefined) return found.address;
  }
  throw new Error("this machine has no IPv4 address but loopback");
}

function listen(server: Server, address = "127.0.0.1"): Promise<StandIn> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, () => {
      const { port } = server.address() as AddressInfo;
      const close = () =>
        new Promise<void>((closed) => {
          server.close(() => closed());
          server.closeAllConnections();
        });
      resolve({ host: `${address}:${port}`, close });
    });
  });
}

function answer(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
}

const serve = (listener: RequestListener, address?: string) => listen(createServer(listener), address);

/** Answers every request with one status. */
export const refusingRegistry = (
  status: number,
  code: string,
  headers?: Record<string, string>,
): Promise<StandIn> => serve((_, response) => answer(response, status, code, headers));

/** Speaks http where the daemon expects TLS. */
export const plainHttpRegistry = (): Promise<StandIn> =>
  serve((_, response) => answer(response, 404, "NAME_UNKNOWN"), localAddress());

/** A token server that gives everybody a token, and a registry for which none of them is enough, as Docker Hub's are. */
export const deniedRegistry = (): Promise<StandIn> =>
  serve((request, response) => {
    if (request.url?.startsWith("/token")) return json(response, { token: "t", access_token: "t" });
    const insufficient = request.headers.authorization === undefined ? "" : ',error="insufficient_scope"';
    answer(response, 401, "UNAUTHORIZED", { "www-authenticate": challenge(request) + insufficient });
  });

/** Knows every login and lets none of them read or write. */
export const forbiddenRegistry = (): Promise<StandIn> =>
  serve((request, response) => {
    if (request.headers.authorization === undefined)
      return answer(response, 401, "UNAUTHORIZED", { "www-authenticate": 'Basic realm="stand-in"' });
    if (request.url === "/v2/") return json(response, {});
    // Whoever pushes asks first whether the blobs are there.
    if (request.method === "HEAD" && request.url?.includes("/blobs/"))
      return answer(response, 404, "BLOB_UNKNOWN");
    answer(response, 403, "DENIED");
  });

/** A token server that accepts nobody. */
export const strictTokenRegistry = (): Promise<StandIn> =>
  serve((request, response) => {
    if (request.url?.startsWith("/token")) return answer(response, 401, "UNAUTHORIZED");
    answer(response, 401, "UNAUTHORIZED", { "www-authenticate": challenge(request) });
  });

function challenge(request: IncomingMessage): string {
  return `Bearer realm="http://${request.headers.host}/token",service="stand-in",scope="repository:x/y:pull"`;
}

function json(response: ServerResponse, body: object): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Accepts connections and never answers. `asked` resolves with the first request. */
export async function silentRegistry(): Promise<StandIn & { readonly asked: Promise<string> }> {
  let hear: (path: string) => void = () => {};
  const asked = new Promise<string>((resolve) => {
    hear = resolve;
  });
  const standIn = await serve((request) => hear(request.url ?? ""));
  return { ...standIn, asked };
}

/** Has every image, for one platform that no engine of the lab is. */
export function foreignPlatformRegistry(): Promise<StandIn> {
  const digest = (content: string) => `sha256:${createHash("sha256").update(content).digest("hex")}`;
  const manifestType = "application/vnd.oci.image.manifest.v1+json";
  const indexType = "application/vnd.oci.image.index.v1+json";
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest: digest("{}"), size: 2 };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [] });
  const platform = { os: "linux", architecture: "s390x" };
  const entry = { mediaType: manifestType, digest: digest(manifest), size: manifest.length, platform };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] });
  return serve((request, response) => {
    const wanted = /\/manifests\/(.+)$/.exec(request.url ?? "")?.[1];
    if (wanted === undefined) return answer(response, 404, "BLOB_UNKNOWN");
    const [content, type] = wanted === digest(manifest) ? [manifest, manifestType] : [index, indexType];
    response.writeHead(200, {
      "content-type": type,
      "content-length": content.length,
      "docker-content-digest": digest(content),
    });
    response.end(request.method === "HEAD" ? undefined : content);
  });
}

/** A registry whose certificate nobody has signed but itself. */
export async function selfSignedRegistry(): Promise<StandIn> {
  const address = localAddress();
  const folder = await mkdtemp(join(tmpdir(), "galley-registry-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=stand-in", "-addext", `subjectAltName=IP:${address}`];
    const made = [
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    await promisify(execFile)("openssl", ["req", ...made, "-keyout", key, "-out", cert, ...subject]);
    const server = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, (_, response) =>
      answer(response, 404, "NAME_UNKNOWN"),
    );
    return await listen(server, address);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
