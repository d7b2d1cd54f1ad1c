import { execFileSync, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Makes a commit of a folder's files in a bare repository, which is made if it is not there, and points a ref at it. Returns the
 * commit's id.
 *
 * @param options `fork`: no branch of the repository has it, else the head of a pull request has one
 */
export function commitFolder(
  folder: string,
  repository: string,
  ref = "refs/heads/main",
  { fork = false } = {},
): string {
  const env = {
    PATH: process.env.PATH,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "t",
    GIT_AUTHOR_EMAIL: "t@localhost",
    GIT_COMMITTER_NAME: "t",
    GIT_COMMITTER_EMAIL: "t@localhost",
  };
  const git = (...args: string[]) => execFileSync("git", args, { env, encoding: "utf8" }).trim();
  git("init", "--quiet", "--bare", "--initial-branch=main", repository);
  const inBoth = ["--git-dir", repository, "--work-tree", folder];
  git(...inBoth, "add", "--all");
  const tree = git(...inBoth, "write-tree");
  const commit = git(...inBoth, "commit-tree", tree, "-m", "files");
  git("--git-dir", repository, "update-ref", ref, commit);
  const pull = /^refs\/pull\/(\d+)\/head$/.exec(ref)?.[1];
  if (pull !== undefined && !fork)
    git("--git-dir", repository, "update-ref", `refs/heads/change-${pull}`, commit);
  return commit;
}

export interface GitServer {
  /** `http://ADDRESS:PORT`; repositories are below it by their path in the root. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * A real git server over HTTP: git's own http-backend behind Node's HTTP server.
 *
 * @param address default: loopback; of a bridge of the engine for agents in containers
 */
export async function serveGit(root: string, address = "127.0.0.1"): Promise<GitServer> {
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const backend = spawn("git", ["http-backend"], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: "1",
        GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
        REQUEST_METHOD: request.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
        REMOTE_ADDR: "127.0.0.1",
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    request.pipe(backend.stdin);
    backend.stdin.on("error", () => {});
    const chunks: Buffer[] = [];
    backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    backend.on("close", () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf("\r\n\r\n");
      for (const line of answer.subarray(0, end).toString("latin1").split("\r\n")) {
        const [name = "", value = ""] = line.split(": ");
        if (name === "Status") response.statusCode = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.end(answer.subarray(end + 4));
    });
  });
  await new Promise<void>((listening) => server.listen(0, address, listening));
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((closed) => server.close(() => closed())),
  };
}
