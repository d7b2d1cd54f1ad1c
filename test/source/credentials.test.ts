import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { Credential, SourceLog } from "../../src/source/index.js";
import { unpacked } from "./debian-tools.js";
import { allProcesses } from "./other-process.js";
import { mirrorOf, origin, root, serve, soon, useRoom } from "./room.js";

useRoom();

const secret = "ghp_s3cret/+token=%20";
const user = { name: "x-access-token", password: secret };
const token: Credential = { kind: "token", username: user.name, token: secret };
const pair = Buffer.from(`${user.name}:${secret}`).toString("base64");
const forms = [secret, encodeURIComponent(secret), pair];

/** All that lies in files below a directory. */
function contents(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

const holds = (text: string) => forms.filter((form) => text.includes(form));

/** Looks at the command lines of all processes for as long as something goes on. */
async function sampled<T>(going: Promise<T>): Promise<{ result: T; lines: Set<string> }> {
  const lines = new Set<string>();
  const sample = setInterval(() => {
    for (const { cmdline } of allProcesses()) lines.add(cmdline);
  }, 5);
  try {
    return { result: await going, lines };
  } finally {
    clearInterval(sample);
  }
}

test("a token reads a repository, and is on no command line, on no disk and in no log meanwhile", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const { url, requests } = await serve({ user });
  const logged: unknown[] = [];
  const log: SourceLog = { info: (...line) => logged.push(line), warn: (...line) => logged.push(line) };
  const mirror = mirrorOf(`${url}/acme/shop.git`, { credential: token, log });
  const { result, lines } = await sampled(mirror.fetch(["main"], soon()));
  expect(result.get("main")).toBe(id);
  expect([...lines].some((line) => line.includes("git-remote-http") || line.includes("remote-http"))).toBe(
    true,
  );
  expect(holds([...lines].join("\n"))).toEqual([]);
  expect(holds(contents(join(root, "repos")))).toEqual([]);
  expect(holds(inspect(logged, { depth: 9 }))).toEqual([]);
  expect(requests.filter(({ authorization }) => authorization === `Basic ${pair}`).length).toBeGreaterThan(0);
});

test("a wrong token, and a server that repeats it, leave it out of the error", async () => {
  origin().commit("refs/heads/main", { a: "1" });
  const { url } = await serve({
    before: (request, response) => {
      const { authorization } = request.headers;
      if (authorization === undefined) {
        response.writeHead(401, { "www-authenticate": "Basic" }).end();
        return true;
      }
      const said = Buffer.from(authorization.slice(6), "base64").toString();
      response.writeHead(403, { "content-type": "text/plain" }).end(`denied: ${said} ${authorization}\n`);
      return true;
    },
  });
  const mirror = mirrorOf(`${url}/acme/shop.git`, { credential: token });
  const error: unknown = await mirror.fetch(["main"], soon()).catch((failure: unknown) => failure);
  expect(error).toMatchObject({ code: "git_auth_failed" });
  expect(holds(inspect(error, { depth: 9 }))).toEqual([]);
});

test.each([301, 302, 307])(
  "a redirect (%i) to another host gets no token, before or after it is asked for",
  async (status) => {
    const { commit } = origin();
    const id = commit("refs/heads/main", { a: "1" });
    const elsewhere = await serve();
    const greedy = await serve({ user: { name: "somebody", password: "else" } });
    for (const other of [elsewhere, greedy]) {
      for (const afterToken of [false, true]) {
        const { url } = await serve({
          user,
          before: (request, response) => {
            if (afterToken && request.headers.authorization === undefined) return false;
            const location = `${other.url.replace("127.0.0.1", "localhost")}${request.url}`;
            response.writeHead(status, { location }).end();
            return true;
          },
        });
        const repoKey = `to-${other === greedy}-${afterToken}`;
        const mirror = mirrorOf(`${url}/acme/shop.git`, { credential: token, repoKey });
        const before = other.requests.length;
        const outcome = await mirror.fetch(["main"], soon()).then(
          (found) => found.get("main"),
          (error: { code: string }) => error.code,
        );
        // git keeps to the first address for what follows, when the redirect came with the token.
        if (!afterToken) expect(outcome).toBe(other === greedy ? "git_auth_failed" : id);
        expect(other.requests.length).toBeGreaterThan(before);
      }
      expect(other.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
    }
  },
);

test("a redirect on the same host is followed with the token", async () => {
  const { commit } = origin("acme/renamed");
  const id = commit("refs/heads/main", { a: "1" });
  const { url } = await serve({
    user,
    before: (request, response) => {
      if (!request.url?.startsWith("/acme/shop.git/")) return false;
      response.writeHead(301, { location: request.url.replace("/shop", "/renamed") }).end();
      return true;
    },
  });
  const mirror = mirrorOf(`${url}/acme/shop.git`, { credential: token });
  expect((await mirror.fetch(["main"], soon())).get("main")).toBe(id);
});

test("the errors of a server say which repository, what was tried and what is missing", async () => {
  origin().commit("refs/heads/main", { a: "1" });
  const { url } = await serve({ user });
  const failure = async (path: string, credential: Credential | null, at = url) => {
    const failed = mirrorOf(`${at}${path}`, { credential, repoKey: "failing" }).fetch(
      ["refs/heads/main"],
      soon(),
    );
    return failed.then(
      () => "fetched",
      (error: { code: string; message: string; hint: string }) => error,
    );
  };
  expect(await failure("/acme/shop.git", null)).toMatchObject({
    code: "git_auth_failed",
    message: `${url}/acme/shop.git refuses us: fetching refs/heads/main was tried without a credential.`,
    hint: expect.stringContaining("Give a credential that may read"),
  });
  expect(await failure("/acme/shop.git", { ...token, token: "wrong" })).toMatchObject({
    code: "git_auth_failed",
    message: expect.stringContaining("with the given token"),
    hint: expect.stringContaining("not expired or revoked"),
  });
  expect(await failure("/acme/nope.git", token)).toMatchObject({
    code: "git_repository_not_found",
    message: expect.stringContaining(`${url}/acme/nope.git`),
  });
  expect(await failure("/x", null, "http://no-such-host.invalid")).toMatchObject({
    code: "git_host_unknown",
    message: expect.stringContaining("no-such-host.invalid"),
  });
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  expect(await failure("/x", null, `http://127.0.0.1:${port}`)).toMatchObject({ code: "git_unreachable" });
  const key: Credential = { kind: "ssh", privateKey: "x", knownHosts: null };
  expect(await failure("/acme/shop.git", key)).toMatchObject({
    code: "git_auth_failed",
    message: expect.stringContaining("the credential is an ssh key"),
  });
  expect(await failure("/acme/shop.git", { ...token, token: "a\nhost=evil" })).toMatchObject({
    code: "git_auth_failed",
    message: expect.stringContaining("line break"),
  });
});

test("a certificate of an unknown authority is refused, and accepted where its file is given", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const [key, cert] = [join(root, "key.pem"), join(root, "cert.pem")];
  const openssl = await unpacked("openssl", "openssl libssl3");
  execFileSync(
    join(openssl.folder, "usr/bin/openssl"),
    [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-config", join(openssl.folder, "etc/ssl/openssl.cnf"), "-subj", "/CN=git"],
      ...["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore", env: openssl.env },
  );
  const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  const { url } = await serve({ tls, user });
  await expect(
    mirrorOf(`${url}/acme/shop.git`, { credential: token }).fetch(["main"], soon()),
  ).rejects.toMatchObject({
    code: "git_unreachable",
    message: expect.stringContaining("certificate"),
  });
  const trusting = mirrorOf(`${url}/acme/shop.git`, { credential: token, git: { caFile: cert } });
  expect((await trusting.fetch(["main"], soon())).get("main")).toBe(id);
});

test("objects that no file system could hold are not taken", async () => {
  const { work, bare, git } = origin();
  const run = (args: string[], input: string | Buffer) =>
    execFileSync("git", args, { cwd: work, input, env: { PATH: process.env.PATH } })
      .toString()
      .trim();
  const blob = run(["hash-object", "-w", "--stdin"], "x");
  const entry = Buffer.concat([Buffer.from("100644 .git\0"), Buffer.from(blob, "hex")]);
  const tree = run(["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], entry);
  const evil = git("commit-tree", "-m", "evil", tree);
  git("push", "-q", bare, `${evil}:refs/heads/main`);
  const { url } = await serve();
  await expect(mirrorOf(`${url}/acme/shop.git`).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("objects that are not taken"),
  });
});

test("a repository of this machine is read only where that is allowed", async () => {
  const { commit, bare } = origin();
  const id = commit("refs/pull/2/head", { a: "1" });
  expect(() => mirrorOf(bare)).toThrow(expect.objectContaining({ code: "config_invalid" }));
  const mirror = mirrorOf(bare, { git: { allowFile: true } });
  expect((await mirror.fetch(["refs/pull/2/head"], soon())).get("refs/pull/2/head")).toBe(id);
});
