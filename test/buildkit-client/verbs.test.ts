import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BuildKitClient, createFilesTree, type SolveStatus } from "../../src/buildkit/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { onEachEngine } from "../support/engines.js";

onEachEngine((engine) => {
  let client: BuildKitClient;
  beforeAll(async () => {
    client = await BuildKitClient.connect(undefined, { env: { DOCKER_HOST: engine.dockerHost } });
  });
  afterAll(() => client.close());

  const build = async (dockerfile: string, attrs: Record<string, string> = {}, ref?: string) => {
    const tree = createFilesTree(new Map([["Dockerfile", dockerfile]]));
    return await client.solve({
      trees: { context: tree, dockerfile: tree },
      frontendAttrs: attrs,
      ...(ref === undefined ? {} : { ref }),
    });
  };
  const unique = () => randomBytes(8).toString("hex");

  test("the engine introduces itself, and its features are those of its version and store", async () => {
    expect(client.engine).toMatchObject({
      version: expect.stringMatching(`^${engine.version}\\.`),
      os: "linux",
    });
    expect(client.transport).toMatchObject({ kind: "docker", route: "upgrade" });
    const features = await client.features();
    expect(features).toMatchObject({
      store: engine.store,
      archives: engine.store === "containerd",
      multipleExports: engine.version >= 26,
      history: engine.version >= 26,
    });
    expect(features.subrequests.includes("check")).toBe(engine.version >= 28);
    // Every "no" comes with its reason.
    for (const [name, value] of Object.entries(features)) {
      if (value === false) expect(features.reasons).toHaveProperty(name, expect.stringMatching(/needs/));
    }
  });

  test("workers are listed with their platforms, and info is what the engine knows of itself", async () => {
    const [worker] = await client.workers();
    expect(worker?.platforms).toContainEqual(expect.objectContaining({ os: "linux", architecture: "amd64" }));
    const info = await client.info();
    if (engine.version === 20) expect(info).toBeUndefined();
    else expect(info).toMatchObject({ package: expect.stringContaining("buildkit") });
  });

  test("disk usage shows a build's cache mount, and pruning by filter removes that and nothing else", async () => {
    const id = unique();
    const other = unique();
    const mount = (name: string) => `RUN --mount=type=cache,id=${name},target=/m echo ${name} > /m/f\n`;
    const mounts = async () => await client.diskUsage({ filter: ["type==exec.cachemount"] });
    const earlier = new Set((await mounts()).map((record) => record.id));
    await build(`FROM busybox\n${mount(id)}${mount(other)}`);
    const made = (await mounts()).filter((record) => !earlier.has(record.id));
    expect(made.length).toBeGreaterThanOrEqual(2);
    expect(made.every(({ type }) => type === "exec.cachemount")).toBe(true);
    expect(made.every(({ createdAt }) => /^20\d\d-.*Z$/.test(createdAt ?? ""))).toBe(true);
    if (engine.version === 20) {
      // 20.10 does not say which mount is which: pruning is by record there.
      const [first, second] = made;
      const { records } = await client.prune({ filter: [`id==${first?.id}`] });
      expect(records.map((record) => record.id)).toEqual([first?.id]);
      const left = (await mounts()).map((record) => record.id);
      expect(left).not.toContain(first?.id);
      expect(left).toContain(second?.id);
      return;
    }
    // A filter on the description: pruning with it does nothing on 26 unless the records are listed first.
    const filter = [`description~=${JSON.stringify(`with id "/?${id}"$`)}`];
    const { records, reclaimedBytes } = await client.prune({ filter });
    expect(records).toHaveLength(1);
    expect(records[0]?.description).toContain(id);
    expect(reclaimedBytes).toBe(records[0]?.size);
    const left = (await mounts()).map(({ description }) => description).join("\n");
    expect(left).toContain(other);
    expect(left).not.toContain(id);
    // Nothing matches any more: that must not become "prune everything".
    expect(await client.prune({ filter })).toEqual({
      records: [],
      reclaimedBytes: 0,
    });
    expect((await mounts()).length).toBeGreaterThan(0);
  });

  test("pruning keeps what was used within the time to keep", async () => {
    const id = unique();
    const mounts = async () => await client.diskUsage({ filter: ["type==exec.cachemount"] });
    const earlier = new Set((await mounts()).map((record) => record.id));
    await build(`FROM busybox\nRUN --mount=type=cache,id=${id},target=/m echo ${id} > /m/f\n`);
    const made = (await mounts()).filter((record) => !earlier.has(record.id));
    const filter = made.map((record) => `id==${record.id}`);
    expect((await client.prune({ filter, keepDurationMs: 3_600_000 })).records).toEqual([]);
    expect((await client.prune({ filter })).records.length).toBe(made.length);
  });

  test("a filter that the engine does not understand is refused, not ignored", async () => {
    await expect(client.diskUsage({ filter: ["nonsense===="] })).rejects.toMatchObject({
      name: "BuildKitError",
    });
  });

  test("aborting a verb rejects with cancelled", async () => {
    await expect(client.diskUsage({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "cancelled",
    });
  });

  test("status follows a build that another caller started, with the times of every step", async () => {
    const ref = `galley${unique()}`;
    const marker = unique();
    const statuses: SolveStatus[] = [];
    const building = awaitedLater(build(`FROM busybox\nRUN echo ${marker}\n`, {}, ref));
    for await (const status of client.status(ref)) statuses.push(status);
    await building;
    const run = statuses
      .flatMap(({ vertexes }) => vertexes)
      .findLast(({ name }) => name.includes(`echo ${marker}`));
    expect(run).toMatchObject({
      started: expect.stringMatching(/Z$/),
      completed: expect.stringMatching(/Z$/),
    });
    const logs = statuses.flatMap(({ logs }) => logs.map(({ data }) => Buffer.from(data).toString()));
    expect(logs.join("")).toContain(`${marker}\n`);
  });

  test("history remembers a build, replays its progress and forgets it when told to", async () => {
    if (engine.version === 20) {
      await expect(client.history.list()).rejects.toMatchObject({ code: "engine_unsupported" });
      return;
    }
    const ref = `galley${unique()}`;
    await build(`FROM busybox\nARG X\nRUN echo $X\n`, { "build-arg:X": "1" }, ref);
    await client.history.finalize(ref);
    const record = await client.history.get(ref);
    expect(record).toMatchObject({ ref, state: "complete", frontendAttrs: { "build-arg:X": "1" } });
    expect(record).not.toHaveProperty("error");
    expect((await client.history.list()).map((found) => found.ref)).toContain(ref);
    const replayed: string[] = [];
    for await (const { vertexes } of client.status(ref)) replayed.push(...vertexes.map(({ name }) => name));
    expect(replayed.join("\n")).toContain("RUN echo");
    await client.history.delete(ref);
    expect(await client.history.get(ref)).toBeUndefined();
  });

  if (engine.version > 20)
    test("history holds the whole error of a build that failed", async () => {
      const ref = `galley${unique()}`;
      await expect(build("FROM busybox\nRUN exit 9\n", {}, ref)).rejects.toMatchObject({
        code: "step_failed",
      });
      const record = await client.history.get(ref);
      expect(record?.error).toMatchObject({ message: expect.stringContaining("exit code: 9") });
      const status = await client.history.error(record ?? expect.fail("no record"));
      // The details, with the Dockerfile in them, and not only the sentence.
      expect(Buffer.from(status ?? []).toString("latin1")).toContain("errdefs.Source");
    });
});
