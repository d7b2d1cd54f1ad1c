// A stand-in for an LFS server, as git-lfs's batch API is published: no such server is to be had here.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const oidOf = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");

export const pointerTo = (content: string | Buffer): string =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(content)}\nsize ${Buffer.byteLength(content)}\n`;

export interface LfsServerOptions {
  /** Wanted for the batch, by Basic authentication. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Answers a request itself when it returns true. */
  readonly before?: (request: IncomingMessage, response: ServerResponse, count: number) => boolean;
  /** What is sent for an object, when it is not the object. */
  readonly instead?: (content: Buffer) => Buffer;
  /** Where objects are fetched: `http://host:port`. Default: here. */
  readonly objectsAt?: string;
}

export interface LfsServer {
  readonly url: string;
  readonly requests: {
    readonly line: string;
    readonly authorization: string | undefined;
    readonly body: string;
  }[];
  add(content: string | Buffer): void;
  handle(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<void>;
}

export async function serveLfs(options: LfsServerOptions = {}): Promise<LfsServer> {
  const objects = new Map<string, Buffer>();
  const requests: LfsServer["requests"] = [];
  let url = "";
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { authorization } = request.headers;
    requests.push({ line: `${request.method} ${request.url}`, authorization, body });
    if (options.before?.(request, response, requests.length)) return;
    if (request.method === "POST" && request.url?.endsWith("/objects/batch")) {
      const { user } = options;
      const pair = user && Buffer.from(`${user.name}:${user.password}`).toString("base64");
      if (pair !== undefined && authorization !== `Basic ${pair}`) {
        response.writeHead(401, { "lfs-authenticate": "Basic" }).end("{}");
        return;
      }
      if (request.headers.accept !== "application/vnd.git-lfs+json") {
        response.writeHead(406).end();
        return;
      }
      const asked = JSON.parse(body) as { operation: string; objects: { oid: string; size: number }[] };
      const found = asked.objects.map(({ oid, size }) =>
        objects.has(oid)
          ? {
              ...{ oid, size, authenticated: true },
              actions: {
                download: {
                  href: `${options.objectsAt ?? url}/store/${oid}`,
                  header: { "X-Ticket": oid.slice(0, 8), Authorization: `Ticket ${oid.slice(0, 8)}` },
                  expires_in: 60,
                },
              },
            }
          : { oid, size, error: { code: 404, message: "Object does not exist" } },
      );
      response.writeHead(200, { "content-type": "application/vnd.git-lfs+json" });
      response.end(JSON.stringify({ transfer: "basic", objects: found }));
      return;
    }
    const content = objects.get(request.url?.split("/").at(-1) ?? "");
    if (content === undefined || request.headers["x-ticket"] !== oidOf(content).slice(0, 8)) {
      response.writeHead(content === undefined ? 404 : 403).end();
      return;
    }
    response.writeHead(200).end(options.instead?.(content) ?? content);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    requests,
    add: (content) => void objects.set(oidOf(content), Buffer.from(content)),
    handle: (request, response) => void handle(request, response),
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
