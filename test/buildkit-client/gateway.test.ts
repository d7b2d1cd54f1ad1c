import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  BuildKitClient,
  type ContainerExecOptions,
  createFilesTree,
  sourceDefinition,
} from "../../src/buildkit/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { onEachEngine } from "../support/engines.js";

onEachEngine((engine) => {
  let client: BuildKitClient;
  beforeAll(async () => {
    client = await BuildKitClient.connect(undefined, { env: { DOCKER_HOST: engine.dockerHost } });
  });
  afterAll(() => client.close());

  const busybox = sourceDefinition("docker-image://docker.io/library/busybox:latest");
  const unique = () => randomBytes(8).toString("hex");
  const exec = async (
    options: Partial<ContainerExecOptions> & { args: readonly string[] },
  ): Promise<number> =>
    await client.gateway({}, async (gateway) => {
      const root = { dest: "/", ref: await gateway.load(busybox) };
      return await gateway.exec({ ...options, mounts: [root, ...(options.mounts ?? [])] });
    });
  const collector = () => {
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(Buffer.from(chunk));
        done();
      },
    });
    return { sink, text: () => Buffer.concat(chunks).toString(), bytes: () => Buffer.concat(chunks) };
  };
  const sh = (script: string) => ["/bin/sh", "-c", script];

  test("a process gets its input, keeps its outputs apart and ends with its exit code", async () => {
    const out = collector();
    const err = collector();
    const code = await exec({
      args: sh("cat; echo $X >&2; pwd; exit 3"),
      cwd: "/tmp",
      env: ["X=complaint"],
      stdin: Readable.from([Buffer.from("from "), Buffer.from("outside\n")]),
      stdout: out.sink,
      stderr: err.sink,
    });
    expect(code).toBe(3);
    expect(out.text()).toBe("from outside\n/tmp\n");
    expect(err.text()).toBe("complaint\n");
  });

  test("megabytes go in and come out unchanged", async () => {
    const sent = randomBytes(7_000_003);
    const out = collector();
    await exec({ args: ["cat"], stdin: Readable.from([sent]), stdout: out.sink });
    const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    expect(hash(out.bytes())).toBe(hash(sent));
  });

  test("a cache mount of a build is read and filled from outside", async () => {
    const id = unique();
    const mount = { dest: "/c", cache: `/${id}`, sharing: "shared" } as const;
    const build = async (command: string) => {
      const tree = createFilesTree(
        new Map([["Dockerfile", `FROM busybox\nRUN --mount=type=cache,id=${id},target=/m ${command}\n`]]),
      );
      let log = "";
      await client.solve({
        trees: { context: tree, dockerfile: tree },
        onStatus: ({ logs }) => {
          for (const { data } of logs) log += Buffer.from(data).toString();
        },
      });
      return log;
    };
    // The id is no part of the cache key: the command has to be new.
    await build(`echo ${id} > /m/from-build`);
    const out = collector();
    await exec({ mounts: [mount], args: ["cat", "/c/from-build"], stdout: out.sink });
    await exec({
      mounts: [mount],
      args: sh("cat > /c/from-outside"),
      stdin: Readable.from([Buffer.from("restored")]),
    });
    expect(out.text()).toBe(`${id}\n`);
    expect(await build(`cat /m/from-outside # ${id}`)).toContain("restored");
  });

  test("a process that does not read its input can end all the same", async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536);
      })(),
    );
    expect(await exec({ args: ["true"], stdin: endless })).toBe(0);
    expect(endless.destroyed).toBe(true);
  });

  test("an input that breaks ends the process with its error", async () => {
    const broken = new Readable({
      read() {
        this.destroy(new Error("the disk is gone"));
      },
    });
    const running = exec({ args: sh("cat; sleep 1000"), stdin: broken });
    await expect(running).rejects.toThrow("the disk is gone");
  });

  test("aborting kills the process", async () => {
    const seconds = 900_000 + Math.floor(Math.random() * 90_000);
    const processes = () => execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
    const running = new RegExp(`^sleep ${seconds}$`, "m");
    const abort = new AbortController();
    const aborted = exec({ args: ["sleep", String(seconds)], signal: abort.signal });
    const rejected = awaitedLater(expect(aborted).rejects.toMatchObject({ code: "cancelled" }));
    await expect.poll(processes).toMatch(running);
    abort.abort();
    await rejected;
    await expect.poll(processes).not.toMatch(running);
  });

  test("a gateway that is cancelled holds no cache mount any more, which nobody else could lock", async () => {
    const mounts = [{ dest: "/c", cache: `/${unique()}`, sharing: "locked" }] as const;
    const abort = new AbortController();
    const said = new Writable({
      write(_chunk, _encoding, done) {
        abort.abort();
        done();
      },
    });
    const held = client.gateway({ signal: abort.signal }, async (gateway) => {
      const root = { dest: "/", ref: await gateway.load(busybox) };
      return await gateway.exec({
        args: sh("echo held; sleep 1000"),
        mounts: [root, ...mounts],
        stdout: said,
      });
    });
    await expect(held).rejects.toMatchObject({ code: "cancelled" });
    expect(await exec({ args: ["true"], mounts, signal: AbortSignal.timeout(20_000) })).toBe(0);
  });

  test("a program that is not there is told apart from one that fails", async () => {
    const err = collector();
    const outcome = await exec({ args: ["/no/such/program"], stderr: err.sink }).catch(
      (error: unknown) => error,
    );
    // Engines differ: an exit code of the runtime, or none at all.
    if (typeof outcome === "number") expect(outcome).not.toBe(0);
    else expect(outcome).toMatchObject({ code: "solve_failed" });
  });

  test("a file of a result is read", async () => {
    const passwd = await client.gateway({}, async (gateway) => {
      const ref = await gateway.load(busybox);
      return await gateway.readFile(ref, "/etc/passwd", { offset: 0, length: 5 });
    });
    expect(Buffer.from(passwd).toString()).toBe("root:");
  });

  test("what the user of the gateway throws comes out, and the gateway is closed", async () => {
    const using = client.gateway({}, async () => {
      throw new RangeError("ours");
    });
    await expect(using).rejects.toBeInstanceOf(RangeError);
  });
});
