import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { beforeAll, beforeEach, expect, test } from "vitest";
import type { Credential, Mirror } from "../../src/source/index.js";
import { processSpace } from "../../src/source/process-life.js";
import { allProcesses } from "./other-process.js";
import type { Origin } from "./remote.js";
import { atEnd, mirrorOf, origin, root, soon, useRoom } from "./room.js";
import { makeKey, type SshServer, type SshTools, serveSsh, sshTools } from "./ssh-server.js";

useRoom();

let tools: SshTools;
let server: SshServer;
let key: { secret: string; open: string };
let source: Origin;
let id: string;

beforeAll(async () => {
  tools = await sshTools();
});
beforeEach(async () => {
  key = makeKey(tools, join(root, "deploy-key"));
  server = await serveSsh(tools, join(root, "sshd"), [key.open]);
  atEnd(() => server.close());
  source = origin();
  id = source.commit("refs/heads/main", { a: "1" });
});

const shared = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
const keyFolders = () => readdirSync(shared).filter((name) => name.startsWith(`galley-ssh-${process.pid}.`));

const ownSsh = () => ({ ssh: tools.ssh, env: tools.env });

function over(credential: Credential | null, path = source.bare, port = server.port): Mirror {
  return mirrorOf(`ssh://git@127.0.0.1:${port}${path}`, { credential, git: ownSsh() });
}

const withKey = (privateKey = key.secret, knownHosts: string | null = server.knownHosts): Credential => ({
  ...{ kind: "ssh", privateKey, knownHosts },
});

test("a deploy key reads a repository; it lies in a private file in memory while it is used, and nowhere later", async () => {
  const seen = new Map<string, number>();
  const lines = new Set<string>();
  const sample = setInterval(() => {
    for (const { cmdline } of allProcesses()) lines.add(cmdline);
    for (const name of keyFolders()) {
      try {
        seen.set("folder", statSync(join(shared, name)).mode & 0o777);
        for (const file of readdirSync(join(shared, name)))
          seen.set(file, statSync(join(shared, name, file)).mode & 0o777);
      } catch {
        // Removed meanwhile.
      }
    }
  }, 5);
  const mirror = over(withKey());
  const found = await mirror.fetch(["main"], soon());
  clearInterval(sample);
  expect(found.get("main")).toBe(id);
  expect(Object.fromEntries(seen)).toEqual({ folder: 0o700, key: 0o600, known_hosts: 0o600, config: 0o600 });
  expect(keyFolders()).toEqual([]);
  const body = key.secret.split("\n").slice(1, -2);
  const everything =
    [...lines].join("\n") +
    readdirSync(join(root, "repos"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
      .join("\n");
  expect([...lines].some((line) => line.includes("git-upload-pack"))).toBe(true);
  for (const line of body) expect(everything).not.toContain(line);
});

test("a key that went through a form, with CR line ends and without the last one, is taken", async () => {
  const mirror = over(withKey(key.secret.trim().replaceAll("\n", "\r\n")));
  expect((await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main")).toBe(id);
});

test("a key that the server does not know is refused, with what to do about it", async () => {
  const other = makeKey(tools, join(root, "other-key"));
  await expect(over(withKey(other.secret)).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_auth_failed",
    message: expect.stringContaining("was tried with the given ssh key"),
    hint: expect.stringContaining("deploy key with read access"),
  });
  await expect(over(null).fetch(["main"], soon())).rejects.toMatchObject({
    // Without a credential no host of one's own is known either.
    code: "git_host_key_unknown",
  });
});

test("the user's own agent and keys are not tried", async () => {
  const home = join(root, "home/.ssh");
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "id_ed25519"), key.secret, { mode: 0o600 });
  const before = { HOME: process.env.HOME, SSH_AUTH_SOCK: process.env.SSH_AUTH_SOCK };
  Object.assign(process.env, { HOME: join(root, "home"), SSH_AUTH_SOCK: join(root, "agent") });
  const other = makeKey(tools, join(root, "other-key"));
  try {
    await expect(over(withKey(other.secret)).fetch(["main"], soon())).rejects.toMatchObject({
      code: "git_auth_failed",
    });
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
});

test("a key with a passphrase, and one that is none, do not wait for an answer", async () => {
  const locked = makeKey(tools, join(root, "locked-key"), "passphrase");
  for (const secret of [locked.secret, "no key at all"]) {
    const error: unknown = await over(withKey(secret))
      .fetch(["main"], soon())
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "git_auth_failed" });
    expect(inspect(error)).not.toContain(secret.split("\n")[1] ?? secret);
  }
});

test("a host that is not known, and one that shows another key, are refused before anything is said to them", async () => {
  await expect(over(withKey(key.secret, null)).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_host_key_unknown",
    message: expect.stringContaining(`[127.0.0.1]:${server.port}`),
    hint: expect.stringContaining(`ssh-keyscan -p ${server.port} 127.0.0.1`),
  });
  const impostor = makeKey(tools, join(root, "impostor"));
  const wrong = `[127.0.0.1]:${server.port} ${impostor.open}\n`;
  await expect(over(withKey(key.secret, wrong)).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_host_key_unknown",
    message: expect.stringContaining("another key"),
  });
});

test("a repository that is not there, a server that is not there and a token for ssh are told apart", async () => {
  await expect(over(withKey(), "/nowhere/x.git").fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_repository_not_found",
  });
  const { port } = server;
  await server.close();
  await expect(over(withKey(), source.bare, port).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_unreachable",
  });
  const token: Credential = { kind: "token", username: "x", token: "y" };
  await expect(over(token).fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_auth_failed",
    message: expect.stringContaining("the credential is a token"),
  });
  await expect(
    mirrorOf("git@no-such-host.invalid:acme/shop.git", { credential: withKey(), git: ownSsh() }).fetch(
      ["main"],
      soon(),
    ),
  ).rejects.toMatchObject({ code: "git_host_unknown" });
});

test("what a killed process could not remove is removed by the next one", async () => {
  const left = join(shared, "galley-ssh-4194302.1.0.abcdef");
  const mirror = over(withKey());
  await mirror.fetch(["main"], soon());
  // Another boot or container: not ours to judge.
  mkdirSync(left, { recursive: true });
  const ours = join(shared, `galley-ssh-4194302.1.${processSpace()}.abcdef`);
  mkdirSync(ours);
  await mirror.fetch(["main"], soon());
  expect(existsSync(ours)).toBe(false);
  expect(existsSync(left)).toBe(true);
  rmdirSync(left);
});
