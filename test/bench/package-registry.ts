// A stand-in for the registry of npm that is as far away as it is told to be. Of the published description it does what an
// installation needs: documents of packages, full and abbreviated, and their tarballs.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { type MadePackage, makePackage } from "./packages.js";

/** How far away it is. */
export interface Distance {
  /** Milliseconds before an answer begins. */
  readonly latencyMs: number;
  /** Of all answers together; infinite: as fast as this machine is. */
  readonly bytesPerSecond: number;
}

export const nextDoor: Distance = { latencyMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };

export interface PackageRegistry {
  /** Ends with a slash. */
  readonly url: string;
  /** For all answers from now on. */
  distance: Distance;
  /** Bytes of answers so far. */
  readonly sent: number;
  close(): Promise<void>;
}

/** What an installation needs of a package's document, and no more. */
const abbreviated = "application/vnd.npm.install-v1+json";
const published = "2026-01-01T00:00:00.000Z";
const pieceBytes = 16 * 1024;

/** @param host an address of this machine that steps of builds reach */
export async function startPackageRegistry(host: string): Promise<PackageRegistry> {
  const made = new Map<string, MadePackage>();
  const packageOf = (name: string) => {
    const known = made.get(name) ?? makePackage(name);
    if (known) made.set(name, known);
    return known;
  };
  let url = "";
  /** `performance.now()` when the way is free again. */
  let free = 0;
  const registry = { distance: nextDoor, sent: 0 };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { latencyMs } = registry.distance;
    if (latencyMs > 0) await delay(latencyMs);
    const said = answerOf(request, url, packageOf);
    response.writeHead(said.status, said.headers);
    for (let at = 0; at < said.body.length && !response.destroyed; at += pieceBytes) {
      const piece = said.body.subarray(at, at + pieceBytes);
      // Answers take turns, as they would on a line that all of them share.
      free = Math.max(performance.now(), free) + (piece.length / registry.distance.bytesPerSecond) * 1000;
      const wait = free - performance.now();
      if (wait > 1) await delay(wait);
      response.write(piece);
      registry.sent += piece.length;
    }
    response.end();
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, host, resolve);
  });
  url = `http://${host}:${(server.address() as AddressInfo).port}/`;
  return Object.assign(registry, {
    url,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

export interface RegistryAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const nobody = Buffer.alloc(0);

/** Pure. */
export function answerOf(
  { method, url: asked = "/", headers }: Pick<IncomingMessage, "method" | "url" | "headers">,
  registry: string,
  packageOf: (name: string) => MadePackage | undefined,
): RegistryAnswer {
  const refuse = (status: number, error: string): RegistryAnswer => ({
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify({ error })),
  });
  if (method !== "GET") return refuse(405, "method not allowed");
  const [, name = "", file] = /^\/([a-z0-9-]+)(?:\/-\/([a-z0-9.-]+))?$/.exec(asked) ?? [];
  const found = packageOf(name);
  if (!found) return refuse(404, "not found");
  const tarball = `${name}-${found.version}.tgz`;
  if (file !== undefined) {
    if (file !== tarball) return refuse(404, "not found");
    // What was published once never changes.
    const cached = { "cache-control": "public, immutable, max-age=31557600" };
    return {
      status: 200,
      headers: { "content-type": "application/octet-stream", ...cached },
      body: found.tarball,
    };
  }
  const short = headers.accept?.includes(abbreviated) === true;
  const body = Buffer.from(JSON.stringify(documentOf(found, `${registry}${name}/-/${tarball}`, short)));
  const etag = `"${createHash("md5").update(body).digest("hex")}"`;
  const about = { etag, "cache-control": "public, max-age=300", vary: "accept" };
  if (headers["if-none-match"] === etag) return { status: 304, headers: about, body: nobody };
  return {
    status: 200,
    headers: { "content-type": short ? abbreviated : "application/json", ...about },
    body,
  };
}

function documentOf({ name, version, shasum, integrity }: MadePackage, tarball: string, short: boolean) {
  const common = {
    name,
    "dist-tags": { latest: version },
    versions: { [version]: { name, version, dist: { tarball, shasum, integrity } } },
  };
  return short
    ? { ...common, modified: published }
    : { _id: name, ...common, time: { created: published, modified: published, [version]: published } };
}
