import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { TreeEntry } from "../../src/buildkit/index.js";
import { type Credential, type GitTree, type Mirror, openSource } from "../../src/source/index.js";
import { type LfsServer, type LfsServerOptions, oidOf, pointerTo, serveLfs } from "./lfs-server.js";
import type { HttpRemote } from "./remote.js";
import { atEnd, contentOf, mirrorOf, origin, root, serve, soon, useRoom } from "./room.js";
import { makeKey, serveSsh, sshTools } from "./ssh-server.js";

useRoom();

const user = { name: "x", password: "t0ken-of-lfs" };
const token: Credential = { kind: "token", username: user.name, token: user.password };
const attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n";

const answering =
  (status: number, body = ""): NonNullable<LfsServerOptions["before"]> =>
  (_, response) => {
    response.writeHead(status).end(body);
    return true;
  };

interface Setting {
  readonly git: HttpRemote;
  readonly lfs: LfsServer;
  readonly mirror: Mirror;
  open(files: Record<string, string>, subdirectory?: string): Promise<GitTree>;
}

/** A forge: git and LFS at one address. */
async function forge(options: LfsServerOptions = {}): Promise<Setting> {
  const source = origin();
  const lfs = await serveLfs({ user, ...options });
  atEnd(() => lfs.close());
  const git = await serve({
    user,
    before: (request, response) => {
      if (!request.url?.includes("/info/lfs/")) return false;
      lfs.handle(request, response);
      return true;
    },
  });
  const mirror = mirrorOf(`${git.url}/acme/shop.git`, { credential: token });
  return {
    ...{ git, lfs, mirror },
    open: async (files, subdirectory) => {
      const commit = source.commit("refs/heads/main", { ".gitattributes": attributes, ...files });
      await mirror.fetch(["refs/heads/main"], soon());
      const tree = await openSource({
        ...{ mirror, commit, ...soon() },
        ...(subdirectory ? { subdirectory } : {}),
      });
      atEnd(() => tree.close());
      return tree;
    },
  };
}

test("objects stand in place of their pointers, come when they are read, once, and are kept", async () => {
  const { lfs, open, mirror } = await forge();
  const large = randomBytes(3_000_000);
  for (const content of ["one", "two", large]) lfs.add(content);
  const files = {
    "a.bin": pointerTo("one"),
    "d/b.bin": pointerTo("two"),
    "same.bin": pointerTo("one"),
    "l.bin": pointerTo(large),
    plain: "p",
  };
  const tree = await open(files);
  expect(tree.needsCheckout).toEqual([]);
  expect(lfs.requests).toEqual([]);
  const content = await contentOf(tree);
  expect(content).toMatchObject({ "a.bin": "one", "d/b.bin": "two", "same.bin": "one", plain: "p" });
  expect(content["l.bin"]).toBe(large.toString("latin1"));
  const oid = oidOf("one");
  expect(readFileSync(join(mirror.path, "lfs/objects", oid.slice(0, 2), oid.slice(2, 4), oid), "utf8")).toBe(
    "one",
  );
  expect(lfs.requests.filter(({ line }) => line.endsWith(oid))).toHaveLength(1);
  const before = lfs.requests.length;
  expect(await contentOf(await open({ other: "x" }))).toMatchObject({ "a.bin": "one", other: "x" });
  expect(lfs.requests).toHaveLength(before);
});

test("all that is read at once is one question to the server, with the sizes of the real files in the tree", async () => {
  const { lfs, open } = await forge();
  const contents = [...Array(30)].map((_, at) => `content ${at}`);
  for (const content of contents) lfs.add(content);
  const tree = await open(
    Object.fromEntries(contents.map((content, at) => [`f${at}.bin`, pointerTo(content)])),
  );
  const entries: TreeEntry[] = [];
  const all = { includePatterns: ["*.bin"], excludePatterns: [], followPaths: [] };
  for await (const entry of tree.entries(all, soon().signal)) entries.push(entry);
  const read = async (entry: TreeEntry) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of tree.read(entry, soon().signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const found = await Promise.all(entries.map(read));
  expect(found.map(String).sort()).toEqual([...contents].sort());
  expect(entries.map(({ size }) => size)).toEqual(found.map(({ length }) => length));
  expect(lfs.requests.filter(({ line }) => line.startsWith("POST"))).toHaveLength(1);
});

test("the token goes to the repository's own host, the server's ticket to where the objects are", async () => {
  const store = await serveLfs();
  atEnd(() => store.close());
  store.add("one");
  const { lfs, open } = await forge({ objectsAt: store.url });
  lfs.add("one");
  expect((await contentOf(await open({ "a.bin": pointerTo("one") })))["a.bin"]).toBe("one");
  expect(lfs.requests.map(({ authorization }) => authorization?.split(" ")[0])).toEqual(["Basic"]);
  expect(store.requests.map(({ authorization }) => authorization)).toEqual([
    `Ticket ${oidOf("one").slice(0, 8)}`,
  ]);
});

test(".lfsconfig names another server, which gets no token", async () => {
  const { lfs, open } = await forge();
  const other = await serveLfs();
  atEnd(() => other.close());
  other.add("one");
  const config = `[lfs]\n\turl = ${other.url.replace("127.0.0.1", "localhost")}/some/where\n`;
  expect((await contentOf(await open({ ".lfsconfig": config, "a.bin": pointerTo("one") })))["a.bin"]).toBe(
    "one",
  );
  expect(other.requests[0]).toMatchObject({
    line: "POST /some/where/objects/batch",
    authorization: undefined,
  });
  expect(lfs.requests).toEqual([]);
});

test("a file that is no pointer, and an empty one, are what they are", async () => {
  const { lfs, open } = await forge();
  expect(await contentOf(await open({ "a.bin": "not a pointer", "e.bin": "" }))).toMatchObject({
    ...{ "a.bin": "not a pointer", "e.bin": "" },
  });
  expect(lfs.requests).toEqual([]);
});

test.each<[string, LfsServerOptions, Record<string, unknown>]>([
  [
    "sends something else",
    { instead: () => Buffer.from("evil") },
    { message: expect.stringContaining("something else") },
  ],
  [
    "sends too much",
    { instead: (content) => Buffer.concat([content, content]) },
    { message: expect.stringContaining("something else") },
  ],
  [
    "sends too little",
    { instead: (content) => content.subarray(1) },
    { message: expect.stringContaining("something else") },
  ],
  [
    "wants another token",
    { user: { name: "x", password: "other" } },
    {
      message: expect.stringContaining("refuses us, with the repository's credential (401)"),
      hint: expect.stringContaining("Contents: read"),
    },
  ],
  ["has no LFS", { before: answering(404) }, { message: expect.stringContaining("has no LFS") }],
  [
    "answers nonsense",
    { before: answering(200, "<html>") },
    { message: expect.stringContaining("no batch of objects") },
  ],
])(
  "a server that %s fails the reading, with a reason, and leaves nothing behind",
  async (_, options, expected) => {
    const { lfs, open, mirror } = await forge(options);
    lfs.add("the content");
    const tree = await open({ "a.bin": pointerTo("the content") });
    const error: unknown = await contentOf(tree).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: "context_invalid", ...expected });
    expect(inspect(error, { depth: 9 })).not.toContain(user.password);
    const objects = join(mirror.path, "lfs");
    const files = existsSync(objects)
      ? readdirSync(objects, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      : [];
    expect(files).toEqual([]);
  },
);

test("an object that was never pushed is named, with what to do", async () => {
  const { open } = await forge();
  await expect(contentOf(await open({ "a.bin": pointerTo("lost") }))).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringMatching(/^a\.bin cannot be read from LFS: .*Object does not exist/),
    hint: expect.stringContaining("git lfs push --all"),
  });
});

test("a server that stumbles is asked again", async () => {
  let stumbled = 0;
  const { lfs, open } = await forge({
    before: (request, response, count) => {
      if (count !== 1 && count !== 3) return false;
      stumbled++;
      if (count === 1) response.writeHead(503).end();
      else request.socket.destroy();
      return true;
    },
  });
  lfs.add("one");
  expect((await contentOf(await open({ "a.bin": pointerTo("one") })))["a.bin"]).toBe("one");
  expect(stumbled).toBe(2);
});

test("a tree that is closed, and a reading that is aborted, end the download", async () => {
  let arrived = () => {};
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const { lfs, open } = await forge({
    before: (request) => {
      if (!request.url?.startsWith("/store/")) return false;
      arrived();
      return true;
    },
  });
  lfs.add("one");
  const tree = await open({ "a.bin": pointerTo("one") });
  const reading = contentOf(tree).catch((error: unknown) => error);
  await waiting;
  await tree.close();
  expect(await reading).toMatchObject({ code: "context_invalid" });
});

test("over ssh the server is asked for its LFS address and a ticket", async () => {
  const tools = await sshTools();
  const key = makeKey(tools, join(root, "key"));
  const lfs = await serveLfs();
  atEnd(() => lfs.close());
  lfs.add("one");
  const source = origin();
  const answer = JSON.stringify({
    href: `${lfs.url}/through/ssh`,
    header: { Authorization: "RemoteAuth 1" },
    expires_in: 60,
  });
  const asked = join(root, "asked");
  writeFileSync(
    join(root, "command"),
    `#!/bin/sh\ncase "$SSH_ORIGINAL_COMMAND" in git-lfs-authenticate*) echo "$SSH_ORIGINAL_COMMAND" > ${asked}; echo '${answer}';; *) exec sh -c "$SSH_ORIGINAL_COMMAND";; esac\n`,
    { mode: 0o755 },
  );
  const server = await serveSsh(tools, join(root, "sshd"), [
    `command="${join(root, "command")}" ${key.open}`,
  ]);
  atEnd(() => server.close());
  const commit = source.commit("refs/heads/main", {
    ".gitattributes": attributes,
    "a.bin": pointerTo("one"),
  });
  const mirror = mirrorOf(`ssh://git@127.0.0.1:${server.port}${source.bare}`, {
    credential: { kind: "ssh", privateKey: key.secret, knownHosts: server.knownHosts },
    git: { ssh: tools.ssh, env: tools.env },
  });
  await mirror.fetch(["main"], soon());
  const tree = await openSource({ mirror, commit, ...soon() });
  atEnd(() => tree.close());
  expect((await contentOf(tree))["a.bin"]).toBe("one");
  expect(readFileSync(asked, "utf8")).toBe(`git-lfs-authenticate '${source.bare}' download\n`);
  expect(lfs.requests[0]).toMatchObject({
    line: "POST /through/ssh/objects/batch",
    authorization: "RemoteAuth 1",
  });
});

test("objects outlive a mirror that is made anew", async () => {
  const { lfs, open, mirror } = await forge();
  lfs.add("one");
  await contentOf(await open({ "a.bin": pointerTo("one") }));
  rmSync(join(mirror.path, "HEAD"));
  const before = lfs.requests.length;
  expect((await contentOf(await open({ b: "2" })))["a.bin"]).toBe("one");
  expect(lfs.requests).toHaveLength(before);
});
