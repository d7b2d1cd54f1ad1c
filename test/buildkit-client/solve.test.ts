import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  BuildKitClient,
  BuildKitError,
  createDirectoryTree,
  createFilesTree,
  type SolveOptions,
  type SolveStatus,
  type StepSourceMap,
} from "../../src/buildkit/index.js";
import { docker, labName, onEachEngine, purgeImage } from "../support/engines.js";

onEachEngine((engine) => {
  let client: BuildKitClient;
  const images: string[] = [];
  const folders: string[] = [];
  beforeAll(async () => {
    client = await BuildKitClient.connect(undefined, { env: { DOCKER_HOST: engine.dockerHost } });
  });
  afterEach(async () => {
    for (const image of images.splice(0)) await purgeImage(engine, image);
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  afterAll(() => client.close());

  const unique = () => randomBytes(8).toString("hex");
  const imageName = () => {
    const name = `${labName("solve")}:1`;
    images.push(name);
    return name;
  };
  const moby = (name: string) => [{ type: "moby", attrs: { name: `docker.io/library/${name}` } }];
  const buildFiles = async (files: Record<string, string>, options: SolveOptions = {}) => {
    const tree = createFilesTree(new Map(Object.entries(files)));
    return await client.solve({ ...options, trees: { context: tree, dockerfile: tree, ...options.trees } });
  };
  const cat = (image: string, path: string) => docker(engine, ["run", "--rm", image, "cat", path]);
  const failureOf = async (solving: Promise<unknown>): Promise<BuildKitError> => {
    const error = await solving.then(
      () => expect.fail("the build succeeded"),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BuildKitError);
    return error as BuildKitError;
  };
  /** Resolves when a step has printed the text. */
  const whenPrinted = (text: string) => {
    let seen = "";
    let printed: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      printed = resolve;
    });
    const onStatus = (status: SolveStatus) => {
      for (const { data } of status.logs) seen += Buffer.from(data).toString();
      if (seen.includes(text)) printed();
    };
    return { done, onStatus };
  };
  const processes = (): string => {
    // The engine runs on this machine: what runs in its containers is in its process table.
    return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  };

  test("a directory becomes an image that runs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "galley-solve-"));
    folders.push(folder);
    const text = unique();
    writeFileSync(
      join(folder, "Dockerfile"),
      'FROM busybox\nCOPY a.txt /\nRUN cp /a.txt /b.txt\nCMD ["cat", "/b.txt"]\n',
    );
    writeFileSync(join(folder, "a.txt"), text);
    const tree = createDirectoryTree(folder);
    const image = imageName();
    const { exporterResponse } = await client.solve({
      trees: { context: tree, dockerfile: tree },
      exports: moby(image),
    });
    expect(await docker(engine, ["run", "--rm", image])).toBe(text);
    const id = (await docker(engine, ["image", "inspect", "--format", "{{.Id}}", image])).trim();
    expect(exporterResponse["containerimage.digest"]).toBe(id);
  });

  test("a second solve sees the files as they are now, not as the first one sent them", async () => {
    const first = imageName();
    const second = imageName();
    const dockerfile = "FROM busybox\nCOPY . /w/\n";
    const key = unique();
    await buildFiles({ Dockerfile: dockerfile, a: "old" }, { exports: moby(first), sharedKey: key });
    await buildFiles({ Dockerfile: dockerfile, a: "new" }, { exports: moby(second), sharedKey: key });
    expect(await cat(first, "/w/a")).toBe("old");
    expect(await cat(second, "/w/a")).toBe("new");
  });

  test("the lines of every step are known before the first one runs", async () => {
    const events: string[] = [];
    let map: StepSourceMap | undefined;
    const dockerfile = `FROM busybox\nARG N=${unique()}\n\nRUN echo one $N && \\\n    true\nRUN echo two\n`;
    const digests = new Map<string, string>();
    await buildFiles(
      { Dockerfile: dockerfile },
      {
        onSourceMap: (found) => {
          map = found;
          events.push("map");
        },
        onStatus: ({ vertexes, logs }) => {
          for (const { digest, name } of vertexes) digests.set(name, digest);
          if (logs.length > 0) events.push("log");
        },
      },
    );
    expect(events[0]).toBe("map");
    expect(map).toMatchObject({ filename: "Dockerfile", text: dockerfile });
    const linesOf = (step: RegExp) => {
      const [, digest] = [...digests].find(([name]) => step.test(name)) ?? expect.fail(`no step ${step}`);
      return map?.steps.get(digest);
    };
    expect(linesOf(/RUN echo one/)).toEqual([{ start: 4, end: 5 }]);
    expect(linesOf(/RUN echo two/)).toEqual([{ start: 6, end: 6 }]);
  });

  test("without a source map the frontend is asked directly, and the image is the same", async () => {
    const files = { Dockerfile: `FROM busybox\nRUN echo ${unique()} > /x\n` };
    const withMap = await buildFiles(files, { exports: moby(imageName()) });
    const without = await buildFiles(files, { exports: moby(imageName()), sourceMap: false });
    expect(without.exporterResponse["containerimage.config.digest"]).toBe(
      withMap.exporterResponse["containerimage.config.digest"],
    );
  });

  test.each([true, false])(
    "a failing step is told with its line, command and exit code (source map: %s)",
    async (sourceMap) => {
      const marker = unique();
      const dockerfile = `FROM busybox\nRUN echo ${marker} && \\\n    exit 7\n`;
      const error = await failureOf(buildFiles({ Dockerfile: dockerfile }, { sourceMap }));
      expect(error).toMatchObject({ code: "step_failed", failure: { exitCode: 7, logTail: [marker] } });
      expect(error.failure?.command).toContain(marker);
      if (!sourceMap && engine.version === 20) return; // 20.10 tells no lines, and nobody asked for the map
      const failed = error.failure?.dockerfile?.excerpt.filter((line) => line.failed).map(({ line }) => line);
      expect(failed).toEqual([2, 3]);
    },
  );

  test.each([
    ["a step", "RUN exit 7", "step_failed"],
    ["the syntax", "FOO bar", "dockerfile_syntax"],
  ])("an error in %s of a Dockerfile of 70 KB arrives whole", async (_what, line, code) => {
    // From engine 24 on the error carries the Dockerfile, and over ~40 KB it stops Node's HTTP/2 without an event.
    const filler = `# ${"x".repeat(98)}\n`.repeat(700);
    for (const sourceMap of [true, false]) {
      const started = client.solve({
        trees: { dockerfile: createFilesTree(new Map([["Dockerfile", `FROM busybox\n${filler}${line}\n`]])) },
        sourceMap,
        signal: AbortSignal.timeout(60_000),
      });
      const error = await failureOf(started);
      expect(error.code).toBe(code);
      if (engine.version === 20 && code === "step_failed" && !sourceMap) continue;
      expect(error.failure?.dockerfile?.excerpt.find(({ failed }) => failed)).toMatchObject({
        line: 702,
        text: line,
      });
    }
  });

  // Errors of 20.10 carry no Dockerfile.
  if (engine.version > 20 && engine.store === "plain")
    test("a gateway whose connection dies of a large error is done without", async () => {
      const filler = `# ${"x".repeat(98)}\n`.repeat(700);
      const tree = createFilesTree(new Map([["Dockerfile", `FROM busybox\n${filler}FOO bar\n`]]));
      // A tree that does not show its Dockerfile's size at first, as a remote context does not.
      let asked = 0;
      const shy = {
        ...tree,
        entries: (...args: Parameters<typeof tree.entries>) =>
          asked++ === 0 ? (async function* () {})() : tree.entries(...args),
      };
      const error = await failureOf(
        client.solve({ trees: { dockerfile: shy }, signal: AbortSignal.timeout(60_000) }),
      );
      expect(error).toMatchObject({ code: "dockerfile_syntax" });
      expect(error.failure?.dockerfile?.excerpt.find(({ failed }) => failed)).toMatchObject({ line: 702 });
    });

  test("two exports come out of one build, or are refused before it where the engine would drop one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "galley-solve-"));
    folders.push(folder);
    const image = imageName();
    const text = unique();
    const local = {
      type: "local",
      attrs: {},
      output: { kind: "directory", path: join(folder, "out") },
    } as const;
    const building = buildFiles(
      { Dockerfile: "FROM busybox\nCOPY a /a\n", a: text },
      { exports: [...moby(image), local] },
    );
    if (engine.version < 26) {
      expect((await failureOf(building)).code).toBe("engine_unsupported");
      return;
    }
    await building;
    expect(readFileSync(join(folder, "out/a"), "utf8")).toBe(text);
    expect(await cat(image, "/a")).toBe(text);
  });

  test("cancelling ends the step's process", async () => {
    const seconds = 900_000 + Math.floor(Math.random() * 90_000);
    const { done, onStatus } = whenPrinted("sleeping");
    const abort = new AbortController();
    const building = failureOf(
      buildFiles(
        { Dockerfile: `FROM busybox\nRUN echo sleeping; sleep ${seconds}\n` },
        { onStatus, signal: abort.signal },
      ),
    );
    await done;
    const running = new RegExp(`^sleep ${seconds}$`, "m");
    await expect.poll(processes).toMatch(running);
    abort.abort();
    await expect.poll(processes).not.toMatch(running);
    expect(await building).toMatchObject({ code: "cancelled" });
  });

  test("a build that was cancelled before it began sends nothing", async () => {
    const error = await failureOf(
      buildFiles({ Dockerfile: "FROM busybox\n" }, { signal: AbortSignal.abort() }),
    );
    expect(error.code).toBe("cancelled");
  });

  test("a listener that throws ends the build with its error, and the step with it", async () => {
    const seconds = 900_000 + Math.floor(Math.random() * 90_000);
    const solving = buildFiles(
      { Dockerfile: `FROM busybox\nRUN echo sleeping; sleep ${seconds}\n` },
      {
        onStatus: ({ logs }) => {
          if (logs.length > 0) throw new BuildKitError("export_failed", "the listener is out of order");
        },
      },
    );
    expect((await failureOf(solving)).message).toContain("out of order");
    await expect.poll(processes).not.toContain(`sleep ${seconds}`);
  });

  test("parallel solves keep their contexts and logs apart", async () => {
    const builds = Array.from({ length: 4 }, () => ({ text: unique(), image: imageName(), log: "" }));
    await Promise.all(
      builds.map((build) =>
        buildFiles(
          { Dockerfile: "FROM busybox\nCOPY a /a\nRUN cat /a\n", a: build.text },
          {
            exports: moby(build.image),
            onStatus: ({ logs }) => {
              for (const { data } of logs) build.log += Buffer.from(data).toString();
            },
          },
        ),
      ),
    );
    for (const { text, image, log } of builds) {
      expect(log).toContain(text);
      for (const other of builds) if (other.text !== text) expect(log).not.toContain(other.text);
      expect(await cat(image, "/a")).toBe(text);
    }
  });

  if (engine.version >= 28)
    test("lint warnings come with line and url where the engine checks", async () => {
      const warnings: SolveStatus["warnings"][number][] = [];
      await buildFiles(
        { Dockerfile: "FROM busybox AS Upper\nRUN true\n" },
        { onStatus: (status) => warnings.push(...status.warnings) },
      );
      expect(warnings).toContainEqual(
        expect.objectContaining({
          short: expect.stringContaining("StageNameCasing"),
          url: expect.stringMatching(/^https:/),
          ranges: [{ start: { line: 1 }, end: { line: 1 } }],
          sourceInfo: expect.objectContaining({ filename: "Dockerfile" }),
        }),
      );
    });

  test("a subrequest is answered instead of building, where the engine knows it", async () => {
    const asked = buildFiles(
      { Dockerfile: "FROM busybox AS Upper\nRUN false\n" },
      {
        frontendAttrs: { requestid: "frontend.lint", "frontend.caps": "moby.buildkit.frontend.subrequests" },
      },
    );
    if (engine.version < 28) {
      await expect(asked).rejects.toBeInstanceOf(BuildKitError);
      return;
    }
    const { frontendMetadata } = await asked;
    expect(Buffer.from(frontendMetadata["result.txt"] ?? []).toString()).toContain("StageNameCasing");
    expect(Buffer.from(frontendMetadata["result.statuscode"] ?? []).toString()).toBe("1");
  });

  if (engine.store === "containerd")
    test.each([
      ["as the frontend has made it", {}],
      [
        "with other names",
        { hostNames: { of: () => "galley-two", otherwise: "galley-two" }, contextName: "galley/two/context" },
      ],
    ])("an image of two platforms with provenance goes through the gateway, %s", async (_, names) => {
      const folder = mkdtempSync(join(tmpdir(), "galley-solve-"));
      folders.push(folder);
      let map: StepSourceMap | undefined;
      const { exporterResponse } = await buildFiles(
        {
          Dockerfile:
            "FROM --platform=$BUILDPLATFORM busybox AS b\nARG TARGETARCH\nRUN echo $TARGETARCH > /x\nFROM scratch\nCOPY --from=b /x /x\n",
        },
        {
          ...names,
          frontendAttrs: { platform: "linux/amd64,linux/arm64", "attest:provenance": "mode=max" },
          exports: [{ type: "oci", attrs: { tar: "false" }, output: { kind: "directory", path: folder } }],
          onSourceMap: (found) => {
            map = found;
          },
        },
      );
      const descriptor = JSON.parse(
        Buffer.from(exporterResponse["containerimage.descriptor"] ?? "", "base64").toString(),
      );
      const index = JSON.parse(
        readFileSync(join(folder, "blobs", descriptor.digest.replace(":", "/")), "utf8"),
      );
      const architectures = index.manifests.map(
        (entry: { platform: { architecture: string } }) => entry.platform.architecture,
      );
      expect(architectures).toEqual(expect.arrayContaining(["amd64", "arm64", "unknown"]));
      // The base image once, RUN and COPY once for each platform.
      expect(map?.steps.size).toBe(5);
    });

  if (engine.store === "containerd")
    test("a local cache that was exported makes the next build on an empty engine cache cached", async () => {
      const folder = mkdtempSync(join(tmpdir(), "galley-solve-"));
      folders.push(folder);
      const marker = unique();
      const files = { Dockerfile: `FROM busybox\nRUN echo ${marker} > /x\nRUN cat /x > /y\n` };
      const cache = join(folder, "cache");
      await buildFiles(files, {
        cacheExports: [{ type: "local", attrs: { dest: cache, mode: "max" } }],
        exports: moby(imageName()),
      });
      const cached = async (cacheImports: SolveOptions["cacheImports"]) => {
        const names = new Set<string>();
        await buildFiles(files, {
          ...(cacheImports === undefined ? {} : { cacheImports }),
          exports: moby(imageName()),
          onStatus: ({ vertexes }) => {
            for (const { name, cached } of vertexes) if (cached) names.add(name);
          },
        });
        return [...names].filter((name) => name.includes("RUN"));
      };
      const records = await client.diskUsage({ filter: [`description~=${JSON.stringify(marker)}`] });
      await client.prune({ filter: [...records.map(({ id }) => `id==${id}`)], all: true });
      await client.prune({ filter: [`description~=${JSON.stringify("cat /x > /y")}`], all: true });
      expect(await cached([{ type: "local", attrs: { src: cache } }])).toHaveLength(2);
    });

  test("nothing stays open: sockets and children are gone after builds that ended in every way", async () => {
    const open = () =>
      process
        .getActiveResourcesInfo()
        .filter((kind) => !/^(TTYWrap|Immediate|Timeout|FS|MessagePort)/.test(kind)).length;
    const own = await BuildKitClient.connect(undefined, { env: { DOCKER_HOST: engine.dockerHost } });
    const before = open();
    const abort = new AbortController();
    const tree = createFilesTree(
      new Map([
        [
          "Dockerfile",
          `FROM busybox\nARG X\nRUN [ "$X" != fail ] && echo go && { [ "$X" != wait ] || sleep 1000; }\n`,
        ],
      ]),
    );
    const solve = (x: string, options: SolveOptions = {}) =>
      own.solve({
        trees: { dockerfile: tree, context: tree },
        frontendAttrs: { "build-arg:X": x },
        ...options,
      });
    const { done, onStatus } = whenPrinted("go");
    const waiting = failureOf(solve("wait", { signal: abort.signal, onStatus }));
    await solve(unique());
    await failureOf(solve("fail"));
    await done;
    abort.abort();
    await waiting;
    await expect.poll(open).toBeLessThanOrEqual(before);
    own.close();
    await expect.poll(open).toBeLessThanOrEqual(before);
  });
});
