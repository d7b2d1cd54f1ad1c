// The cache service of GitHub Actions in its first version, as much of it as BuildKit uses: entries are reserved, filled in chunks,
// committed, and found by their key or its beginning, the newest first. On loopback, in memory.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Entry {
  readonly key: string;
  readonly chunks: { readonly start: number; readonly bytes: Buffer }[];
  content: Buffer | undefined;
}

export interface ActionsCache {
  /** Attributes of a `gha` cache that reach it. */
  readonly attrs: Readonly<Record<string, string>>;
  /** Keys that were committed, in order. */
  readonly keys: () => readonly string[];
  /** How often contents were fetched. */
  readonly fetched: () => number;
  close(): void;
}

const api = "/_apis/artifactcache";

/** A token as the runner gives it: BuildKit reads scopes and times of it, and leaves the signature to the service. */
function token(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const ac = JSON.stringify([{ Scope: "refs/heads/main", Permission: 3 }]);
  return `${part({ alg: "HS256", typ: "JWT" })}.${part({ ac, nbf: now - 60, exp: now + 3600 })}.c2lnbmVk`;
}

export async function actionsCache(): Promise<ActionsCache> {
  const entries: Entry[] = [];
  const bearer = token();
  let fetched = 0;
  let url = "";

  const answer = (response: ServerResponse, status: number, body?: object) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };

  const find = (keys: readonly string[]): Entry | undefined => {
    const done = entries.filter(({ content }) => content !== undefined).reverse();
    for (const key of keys) {
      const found =
        done.find((entry) => entry.key === key) ?? done.find((entry) => entry.key.startsWith(key));
      if (found) return found;
    }
    return undefined;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "/", url);
    const body = Buffer.concat(await request.toArray());
    const id = Number(/^\/(?:archive|_apis\/artifactcache\/caches)\/(\d+)$/.exec(pathname)?.[1]);
    const entry = entries[id - 1];
    // The address of an archive is signed in itself.
    if (entry?.content && request.method === "GET") {
      fetched++;
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const range = `bytes ${from}-${entry.content.length - 1}/${entry.content.length}`;
      response.writeHead(from > 0 ? 206 : 200, from > 0 ? { "content-range": range } : {});
      response.end(entry.content.subarray(from));
    } else if (request.headers.authorization !== `Bearer ${bearer}`) {
      answer(response, 401);
    } else if (request.method === "GET" && pathname === `${api}/cache`) {
      const found = find((searchParams.get("keys") ?? "").split(","));
      if (!found) return answer(response, 204);
      const archiveLocation = `${url}/archive/${entries.indexOf(found) + 1}`;
      answer(response, 200, { cacheKey: found.key, scope: "refs/heads/main", archiveLocation });
    } else if (request.method === "POST" && pathname === `${api}/caches`) {
      const { key } = JSON.parse(body.toString()) as { key: string };
      if (entries.some((known) => known.key === key))
        return answer(response, 409, {
          typeKey: "ArtifactCacheItemAlreadyExistsException",
          message: "already exists",
        });
      answer(response, 201, { cacheID: entries.push({ key, chunks: [], content: undefined }) });
    } else if (entry && request.method === "PATCH") {
      const start = Number(/^bytes (\d+)-/.exec(request.headers["content-range"] ?? "")?.[1]);
      entry.chunks.push({ start, bytes: body });
      answer(response, 204);
    } else if (entry && request.method === "POST") {
      const { size } = JSON.parse(body.toString()) as { size: number };
      const content = Buffer.concat(entry.chunks.sort((a, b) => a.start - b.start).map(({ bytes }) => bytes));
      if (content.length !== size) return answer(response, 400, { message: "not what was announced" });
      entry.content = content;
      answer(response, 204);
    } else {
      answer(response, 404);
    }
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    attrs: { url: `${url}/`, token: bearer },
    keys: () => entries.filter(({ content }) => content).map(({ key }) => key),
    fetched: () => fetched,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
