// A repository to be read from, and git servers in front of it: git's own http-backend behind Node's HTTP(S) server.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";

const env = {
  PATH: process.env.PATH,
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "t",
  GIT_AUTHOR_EMAIL: "t@localhost",
  GIT_COMMITTER_NAME: "t",
  GIT_COMMITTER_EMAIL: "t@localhost",
};

export function git(directory: string, ...args: string[]): string {
  return execFileSync("git", args, {
    cwd: directory,
    env,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  }).trim();
}

/** A bare repository and a work tree beside it to make its commits with. */
export interface Origin {
  readonly bare: string;
  readonly work: string;
  /** Writes files, commits them on top of `parent` (default: the last commit) and lets `ref` point there. */
  commit(ref: string, files: Record<string, string | Buffer>): string;
  git(...args: string[]): string;
}

export function makeOrigin(root: string, name: string, format = "sha1"): Origin {
  const bare = join(root, `${name}.git`);
  const work = join(root, `${name}.work`);
  mkdirSync(dirname(bare), { recursive: true });
  git("/", "init", "-q", "--bare", "-b", "main", `--object-format=${format}`, bare);
  git("/", "init", "-q", "-b", "main", `--object-format=${format}`, work);
  return {
    bare,
    work,
    git: (...args) => git(work, ...args),
    commit: (ref, files) => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(work, path)), { recursive: true });
        writeFileSync(join(work, path), content);
      }
      git(work, "add", "-A", "-f");
      git(work, "commit", "-q", "--allow-empty", "-m", ref);
      git(work, "push", "-q", "-f", bare, `HEAD:${ref}`);
      return git(work, "rev-parse", "HEAD");
    },
  };
}

export interface HttpRemoteOptions {
  /** Wanted of everybody, by Basic authentication. */
  readonly user?: { readonly name: string; readonly password: string };
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Answers a request itself when it returns true. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** A server that knows only what git spoke before 2018. */
  readonly oldProtocol?: boolean;
  /** Sends slowly. */
  readonly trickle?: boolean;
  /** Called when an answer that brings objects or refs is ready; it is sent when that has resolved. */
  readonly delay?: () => Promise<void>;
}

export interface HttpRemote {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Method, path and query, and the Authorization header of all requests so far. */
  readonly requests: { readonly line: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

export async function serveHttp(root: string, options: HttpRemoteOptions = {}): Promise<HttpRemote> {
  const requests: HttpRemote["requests"] = [];
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const { authorization } = request.headers;
    requests.push({ line: `${request.method} ${request.url}`, authorization });
    if (options.before?.(request, response)) return;
    if (options.user !== undefined) {
      const pair = Buffer.from(`${options.user.name}:${options.user.password}`).toString("base64");
      if (authorization !== `Basic ${pair}`) {
        response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end("who are you?");
        return;
      }
    }
    serveBackend(root, request, response, options);
  };
  const server: Server = options.tls ? createSecureServer(options.tls, handle) : createServer(handle);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

function serveBackend(
  root: string,
  request: IncomingMessage,
  response: ServerResponse,
  { oldProtocol = false, trickle = false, delay }: HttpRemoteOptions,
): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const backend = spawn("git", ["http-backend"], {
    env: {
      ...env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: oldProtocol ? "" : String(request.headers["git-protocol"] ?? ""),
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      REMOTE_ADDR: "127.0.0.1",
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => {});
  response.on("close", () => backend.kill());
  let head = Buffer.alloc(0);
  let begun = false;
  const forward = (chunk: Buffer) => {
    if (trickle) {
      backend.stdout.pause();
      setTimeout(() => backend.stdout.resume(), 20);
      response.write(chunk);
    } else if (!response.write(chunk)) {
      backend.stdout.pause();
      response.once("drain", () => backend.stdout.resume());
    }
  };
  const take = (chunk: Buffer) => {
    if (begun) {
      forward(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    begun = true;
    for (const line of head.subarray(0, end).toString("latin1").split("\r\n")) {
      const [name = "", value = ""] = line.split(": ");
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
  };
  if (request.method === "POST" && delay !== undefined) {
    backend.stdout.once("readable", () => void delay().then(() => backend.stdout.on("data", take)));
  } else {
    backend.stdout.on("data", take);
  }
  backend.stdout.on("end", () => response.end());
}
