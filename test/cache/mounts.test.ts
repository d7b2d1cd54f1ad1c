import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pack } from "tar-stream";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { chunkStore } from "../../cache/chunks.js";
import { answerCache, cacheScope, type Removed } from "../../cache/index.js";
import { showRepository } from "../../cache/inspect.js";
import { cachePlaces, mountName } from "../../cache/places.js";
import {
  listStoredMounts,
  type StoredMount,
  storeArchive,
  writeStoredMount,
} from "../../cache/stored-mount.js";
import { BuildKitClient, createSecrets } from "../../src/buildkit/index.js";
import { engineEnv } from "../lab/engine.js";
import { onEachEngine } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { type CacheWorld, cacheWorld, unique } from "./world.js";

onEachEngine((engine) => {
  let world: CacheWorld;
  beforeAll(async () => {
    // Other tests prune on this engine: what they make it forget could not be stored as layers.
    world = await cacheWorld(engine, { layers: false });
  });
  afterAll(async () => {
    await world.remove();
  });
  // The id is in the command, too: 20.10 describes a mount by nothing else.
  const mount = (id: string, options = "") => `--mount=type=cache,id=${id},target=/m${options} : ${id};`;

  test("A cache mount that was pruned is filled with what was stored, as it was: owners, modes, times, and links that lead out of it", async () => {
    const id = unique("prune");
    const own = `--mount=type=cache,id=${id}-owned,target=/o,uid=1000,gid=1000,mode=0700`;
    const look =
      "cd /m && find . -exec stat -c '%n %f %u %g %h' {} + | sort && for l in l root up d/b; do readlink $l; done && cat 'a name/ü' && stat -c %Y f && cat /o/file && stat -c '%a %u %g' /o";
    const make =
      "cd /m && mkdir 'a name' d && echo inner > 'a name/ü' && ln -s /nowhere l && echo x > f && ln f hard && chmod 4751 f && chown 12:34 f && mkfifo p && chmod 1777 'a name' && touch -d '2001-02-03 04:05:06' f && ln -s / root && ln -s ../../../../../../etc/passwd up && ln -s /galley-cache/../busybox d/b && echo mine > /o/file";
    const before = await world.build(`RUN ${own} ${mount(id)} ${make} && ${look}`);
    expect(before).toContain("/nowhere\n/\n../../../../../../etc/passwd\n/galley-cache/../busybox\n");
    expect(before).toContain("mine\n700 1000 1000\n");
    expect(await world.forget(id)).toBeGreaterThan(0);
    expect(await world.build(`RUN ${own} ${mount(id)} ${look}`)).toBe(before);
    expect(world.warnings).toEqual([]);
  });

  test("No repository sees another one's mounts, and no pull request of a fork the base's, but for what it has stored", async () => {
    const id = unique("apart");
    const put = (what: string) => `RUN ${mount(id)} echo ${what} > /m/${what}`;
    // The very same step in another repository: what it made of one's mount must not be taken for another's.
    const list = `RUN ${mount(id)} ls /m #`;
    await world.build(put("base"));
    expect(await world.build(list, { repoKey: "repo-b" })).toBe("");
    const fork = { pr: 7, fork: true };
    expect(await world.build(list)).toBe("base\n");
    expect(await world.build(`${list} fork`, fork)).toBe("base\n");
    await world.build(put("poison"), fork);
    // Neither in the engine, nor from what is stored once that has forgotten it.
    expect(await world.build(`${list} base`)).toBe("base\n");
    expect(await world.build(`${list} other fork`, { pr: 8, fork: true })).toBe("base\n");
    await world.forget(id);
    expect(await world.build(`${list} base again`)).toBe("base\n");
    expect(await world.build(`${list} fork again`, fork)).toBe("base\npoison\n");
  });

  test("What is made of a mount that a fork, or another repository, has filled is taken for nobody else's, though the step is the very same", async () => {
    const id = unique("poison");
    const own = { repoKey: unique("repo") };
    const fork = { ...own, pr: 7, fork: true };
    const step = (what: string) => `RUN ${mount(id)} : ${what}; cat /m/file`;
    await world.build(`RUN ${mount(id)} echo good > /m/file`, own);
    await world.build(`RUN ${mount(id)} echo poison > /m/file`, fork);
    expect(await world.build(step("one"), fork)).toBe("poison\n");
    expect(await world.build(step("one"), own)).toBe("good\n");
    // It is as warm as anybody's the second time.
    expect(await world.build(step("one"), fork)).toBe("");
    // A secret's value is no part of a step's key either.
    const secret = `RUN --mount=type=secret,id=${id} cat /run/secrets/${id} || echo none`;
    expect(await world.build(secret, fork)).toContain("none\n");
    const services = [createSecrets({ [id]: { kind: "value", value: Buffer.from("said") } })];
    expect(await world.build(secret, { ...own, solve: { services } })).toBe("said");
    // The host name that keeps them apart is not for a build to choose.
    const { buildArgs } = cacheScope({ ...own, pr: null, fork: false });
    const thief = { repoKey: unique("thief") };
    const frontendAttrs = {
      "build-arg:BUILDKIT_CACHE_MOUNT_NS": thief.repoKey,
      "build-arg:BUILDKIT_SANDBOX_HOSTNAME": String(buildArgs.BUILDKIT_SANDBOX_HOSTNAME),
      "image-resolve-mode": "local",
    };
    await world.build(`RUN ${mount(id)} echo poison > /m/file`, thief);
    expect(await world.build(step("two"), { ...thief, solve: { frontendAttrs } })).toBe("poison\n");
    expect(await world.build(step("two"), own)).toBe("good\n");
    expect(world.warnings).toEqual([]);
  });

  test("BuildKit's copy of a context is its repository's by its name, a fork's has its own, and only what has changed is sent to either again", async () => {
    const repoKey = unique("context");
    const own = { repoKey, id: unique("own") };
    const fork = { repoKey, pr: 7, fork: true, id: unique("fork") };
    const big = "x".repeat(200_000);
    const names = new Set<string>();
    let sent = 0;
    const build = async (options: typeof own, file: string) => {
      sent = 0;
      return await world.build(`COPY . /in\nRUN cat /in/file # ${repoKey}`, {
        ...options,
        files: { file, big },
        onStatus: ({ statuses }) => {
          for (const { id, current } of statuses) {
            names.add(id);
            if (id === "transferring context:") sent = Math.max(sent, current);
          }
        },
      });
    };
    const shown = async () => {
      await world.caches.collect();
      const { kept } = await showRepository(world.dataDirectory, repoKey);
      return kept.filter(({ kind }) => kind === "context").sort((a, b) => (a.scope < b.scope ? -1 : 1));
    };
    expect(await build(own, "one")).toBe("one");
    const [first, ...none] = await shown();
    expect(none).toEqual([]);
    expect(first).toMatchObject({
      ...{ repo: repoKey, what: ".", scope: "base", usedBy: [own.id], inUse: false },
      createdAt: expect.any(String),
    });
    for (const bytes of [first?.size, sent]) expect(bytes).toBeGreaterThan(200_000);
    // The same copy serves the next build, whose steps are known by what is in it.
    expect(await build({ ...own, id: unique("own") }, "two")).toBe("two");
    expect(sent).toBeLessThan(10_000);
    expect(await build({ ...own, id: unique("own") }, "two")).toBe("");
    expect(await build(fork, "two")).toBe("");
    const [base, forks] = await shown();
    expect(base?.name).toBe(first?.name);
    expect(forks).toMatchObject({ scope: "fork-pr-7", usedBy: [fork.id] });
    expect(forks?.name).not.toBe(base?.name);
    expect([...names].join()).not.toContain(repoKey);
    // Removed by its id and nothing else, it is sent again, and no step runs for that.
    const connect = (signal: AbortSignal) =>
      BuildKitClient.connect(undefined, { env: engineEnv(engine), signal });
    const { signal } = new AbortController();
    const question = {
      ...{ ask: "prune" as const, repo: repoKey, older: null, keep: null },
      ...{ kinds: ["context" as const], dryRun: false },
    };
    const budget = async () => ({ all: 1e9, repository: 1e9 });
    const { dataDirectory } = world;
    const answer = await answerCache(question, { dataDirectory, connect, budget, now: Date.now, signal });
    expect(answer).toMatchObject({
      removed: expect.arrayContaining([
        expect.objectContaining({
          kind: "context",
          repo: repoKey,
          name: base?.name,
          what: ".",
          scope: "base",
        }),
        expect.objectContaining({ kind: "context", repo: repoKey, name: forks?.name, scope: "fork-pr-7" }),
      ]),
    });
    expect(await shown()).toEqual([]);
    if (engine.store !== "containerd") expect(await build(own, "two")).toBe("");
  });

  // 20.10 does not say whose a mount is.
  if (engine.name !== "20")
    test("An agent that keeps its budget removes its own records from the engine, and not those of the agent beside it", async () => {
      const [ours, theirs] = [unique("ours"), unique("theirs")];
      const removed: Removed[] = [];
      const poor = await cacheWorld(engine, {
        layers: false,
        budget: 1,
        share: 1,
        onRemoved: (one) => removed.push(one),
      });
      try {
        await world.build(`RUN ${mount(theirs)} echo x > /m/file`, { repoKey: theirs });
        await poor.build(`RUN ${mount(ours)} echo x > /m/file`, { repoKey: ours });
        await poor.caches.collect();
        expect(removed).toMatchObject([
          { kind: "record", repo: ours, what: ours, freed: expect.any(Number) },
        ]);
        const left = (await world.client.diskUsage()).map(({ description }) => description).join("\n");
        expect(left).toContain(`"${theirs}/${theirs}"`);
        expect(left).not.toContain(`"${ours}/${ours}"`);
      } finally {
        await poor.remove();
      }
    });

  test("A build that asks for a mount beyond its namespace is refused before a step has run", async () => {
    const id = unique("foreign");
    const frontendAttrs = { "build-arg:BUILDKIT_CACHE_MOUNT_NS": "repo-b" };
    const stolen = world.build(`RUN ${mount(id)} ls /m`, { repoKey: "repo-a", solve: { frontendAttrs } });
    await expect(stolen).rejects.toMatchObject({ code: "forbidden" });
  });

  test("A sparse file of a terabyte in a mount is not read, and neither kept nor in the build's way", async () => {
    const id = unique("sparse");
    const repoKey = unique("repo");
    const before = world.warnings.length;
    const make = `RUN ${mount(id)} truncate -s 1000000000000 /m/large && ls /m`;
    expect(await world.build(make, { repoKey })).toBe("large\n");
    expect(world.warnings.splice(before).join()).toMatch(/storing cache mounts failed.*larger than/);
    const { chunks } = cachePlaces(world.dataDirectory, repoKey);
    expect(await readdir(chunks).catch(() => [])).toEqual([]);
    await world.forget(id);
  });

  test("A stored mount whose archive wants out of it harms nothing: what is not its own is not there, and the build goes on", async () => {
    const id = unique("hostile");
    const repoKey = unique("repo");
    const places = cachePlaces(world.dataDirectory, repoKey);
    await world.build(`RUN ${mount(id)} echo mine > /m/mine`, { repoKey });
    await world.forget(id);
    const hostile = pack();
    const file = (name: string) => hostile.entry({ name, mode: 0o4755 }, "evil\n");
    file("../escaped");
    file("/escaped");
    file("./a/../../../../escaped");
    hostile.entry({ name: "./link", type: "symlink", linkname: "/" });
    file("./link/escaped");
    hostile.entry({ name: "./up", type: "symlink", linkname: "../.." });
    file("./up/escaped");
    hostile.entry({ name: "./hard", type: "link", linkname: "/etc/passwd" });
    hostile.entry({ name: "./disk", type: "block-device", devmajor: 8, devminor: 0 });
    file("./fine");
    hostile.finalize();
    const [kept] = await listStoredMounts(join(places.directory, "mounts"));
    const stored = await storeArchive(hostile as AsyncIterable<Buffer>, chunkStore(places.chunks), 1e9);
    await writeStoredMount(String(kept?.path), { ...(kept?.stored as StoredMount), ...stored });
    const before = world.warnings.length;
    const look = `RUN ${mount(id)} ls / /m/.. /etc; cd /m && find . -name escaped; cat hard; echo "seen"`;
    const said = await world.build(look, { repoKey });
    world.warnings.splice(before);
    expect(said).toContain("seen\n");
    expect(said).not.toContain("escaped");
    expect(said).not.toContain("root:");
    expect(await readdir(places.filling).catch(() => [])).toEqual([]);
    await world.forget(id);
  });

  // What differs from engine to engine has been tried; the oldest and the newest show the rest.
  if (["26", "28"].includes(engine.name)) return;

  test("A mount that is still there is left as it is", async () => {
    const id = unique("kept");
    await world.build(`RUN ${mount(id)} echo first > /m/file`);
    // Not through the caches: what is stored is older than what is there.
    await world.build(`RUN ${mount(id)} echo second > /m/file && exit 0`, {
      repoKey: "repo-a",
      id: "newer",
    });
    expect(await world.build(`RUN ${mount(id)} cat /m/file # again`)).toBe("second\n");
  });

  test("Builds that want the same mount at once, as the services of one commit do, all find it whole", async () => {
    const id = unique("at-once");
    await world.build(`RUN ${mount(id)} cd /m && for n in $(seq 500); do echo $n > $n; done`);
    await world.forget(id);
    const seen = await Promise.all(
      [1, 2, 3, 4].map((number) => world.build(`RUN ${mount(id)} ls /m | wc -l # ${number}`)),
    );
    expect(seen).toEqual(["500\n", "500\n", "500\n", "500\n"]);
    expect(world.warnings).toEqual([]);
  });

  test("A damaged store is a cold cache with a warning, and is stored anew", async () => {
    const id = unique("damaged");
    const list = `RUN ${mount(id)} ls /m; echo new > /m/new #`;
    const own = { repoKey: "repo-damaged" };
    await world.build(`RUN ${mount(id)} head -c 100000 /dev/urandom > /m/old`, own);
    const { chunks } = cachePlaces(world.dataDirectory, own.repoKey);
    for (const name of await readdir(chunks, { recursive: true }))
      if (name.includes("/")) await writeFile(join(chunks, name), "damaged");
    await world.forget(id);
    expect(await world.build(`${list} one`, own)).toBe("");
    expect(world.warnings.splice(0).join()).toContain("stored cache mounts are not used");
    await world.forget(id);
    expect(await world.build(`${list} two`, own)).toBe("new\n");
  });

  test("A mount whose filling was interrupted is emptied and filled again", async () => {
    const id = unique("half");
    const own = { repoKey: "repo-half" };
    await world.build(`RUN ${mount(id)} echo whole > /m/whole`, own);
    // As a process leaves it that is killed while it fills: the mark, and a mount with half of something in it.
    const { filling } = cachePlaces(world.dataDirectory, own.repoKey);
    const outside = await cacheWorld(engine, { layers: false });
    await outside.forget(id);
    await outside.build(`RUN ${mount(id)} echo ha > /m/half`, own);
    await outside.remove();
    await mkdir(filling, { recursive: true });
    await writeFile(join(filling, mountName(`${own.repoKey}\0${id}`)), "");
    expect(await world.build(`RUN ${mount(id)} ls /m # after`, own)).toBe("whole\n");
    expect(await readdir(filling)).toEqual([]);
  });

  if (engine.name !== "28c") return;

  test("A mount that is larger than its repository's share is not kept, and the build does not mind", async () => {
    const small = await cacheWorld(engine, { layers: false, share: 1_000_000 });
    const id = unique("large");
    await small.build(`RUN ${mount(id)} head -c 5000000 /dev/urandom > /m/large`, {
      repoKey: "repo-large",
    });
    expect(small.warnings.join()).toContain("more than the 1000000 bytes");
    const { chunks, directory } = cachePlaces(small.dataDirectory, "repo-large");
    expect(await readdir(directory)).not.toContain("mounts");
    expect((await readdir(chunks, { recursive: true })).filter((name) => name.includes("/"))).toEqual([]);
    await small.remove();
    await world.forget(id);
  });

  test("galley cache says what is kept, what is in it, and why a step ran", async () => {
    const world = await cacheWorld(engine);
    onTestFinished(world.remove);
    const id = unique("cli");
    const repo = "repo-cli";
    const build = (name: string, text: string) =>
      world.build(`COPY file /file\nRUN ${mount(id)} cat /file > /m/${name}`, {
        repoKey: repo,
        id: name,
        files: { file: text },
      });
    await build("first", "one");
    await build("second", "two");
    const cache = async (...args: string[]) => {
      const all = ["cache", ...args, "--data-dir", world.dataDirectory, "--json"];
      const { stdout, stderr, code } = await galley(engine, all);
      return { code, stderr, answer: stdout === "" ? undefined : JSON.parse(stdout) };
    };
    const listed = await cache("ls");
    expect(listed.answer.map((one: { repoKey: string }) => one.repoKey)).toContain(repo);
    const shown = await cache("show", repo);
    expect(shown.answer.mounts).toMatchObject([{ id, scope: "base", usedBy: ["second", "first"] }]);
    expect((await cache("inspect", repo, id)).answer).toMatchObject({
      content: { directories: [{ path: ".", files: 2 }] },
    });
    const { answer } = await cache("explain", "second");
    expect(answer.previous).toBe("first");
    expect(answer.steps).toMatchObject([
      { why: "files changed" },
      { name: expect.stringContaining("RUN"), cached: false },
    ]);
    const du = (await cache("du")).answer;
    expect(du.engine.ourMounts).toBeGreaterThan(0);
    expect(du.images).toMatchObject({
      ours: 0,
      others: expect.any(Number),
      reclaimable: expect.any(Number),
    });
    expect(du.images.others).toBeGreaterThan(0);
    expect((await cache("verify")).answer.damaged).toEqual([]);
    if (engine.store === "containerd") {
      const layers = (await cache("inspect", repo, "web")).answer;
      expect(layers).toMatchObject({ kind: "layers", id: "web", size: du.layers && expect.any(Number) });
      const sizes = layers.layers.map(({ size }: { size: number }) => size);
      expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    }
    // The engine was looked at by nobody since.
    await world.caches.collect();
    const record = (await cache("show", repo)).answer.kept.find(
      ({ kind, what }: { kind: string; what: string }) => kind === "record" && what === id,
    );
    expect((await cache("inspect", repo, record.name)).answer).toMatchObject({
      kind: "record",
      id,
      usedBy: ["second", "first"],
    });
    expect((await cache("prune", repo, "--kind", "record")).answer.removed).toMatchObject([
      { kind: "record", repo, what: id, name: record.name, freed: expect.any(Number) },
    ]);
    expect(await cache("prune", "--kind", "image")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--agent"),
    });
    const mountGone = expect.objectContaining({ kind: "mount", repo, what: id });
    expect((await cache("prune", repo)).answer.removed).toContainEqual(mountGone);
    expect((await cache("show", repo)).answer.mounts).toEqual([]);
    expect(await cache("explain", "nothing")).toMatchObject({ code: 1 });
    expect(await cache("prune", "--older", "soon")).toMatchObject({ code: 2 });
  });
});
