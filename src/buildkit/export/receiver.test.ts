import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { moby } from "../../../proto/index.js";
import { decodePacket, encodeData, encodeStat, endOfWalk, finPacket, packetType } from "../fsutil/packet.js";
import { FrameDecoder } from "../session/frames.js";
import { framed, openPeer, outcome, type Peer } from "../session/peer.testing.js";
import { rpcStatus } from "../session/service.js";
import type { ExportEntry } from "../solve/types.js";
import { resolveOutputs } from "./engine-exports.js";
import { parseOutput } from "./output-spec.js";
import { createExportReceiver, type ExportReceiver } from "./receiver.js";

const path = "/moby.filesync.v1.FileSend/DiffCopy";
const exporter = (id: number) => ({ "buildkit-attachable-exporter-id": String(id) });
const bytesMessage = (data: Uint8Array) => moby.filesync.v1.BytesMessage.encode({ data }).finish();
const tarOf = (content: string) => Buffer.concat([Buffer.alloc(512, content), Buffer.alloc(1024)]);

let directory: string;
const peers: Peer[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-receive-"));
});
afterEach(async () => {
  for (const peer of peers.splice(0)) await peer.close();
  await rm(directory, { recursive: true });
});

const start = async (exports: readonly ExportEntry[]): Promise<{ receiver: ExportReceiver; peer: Peer }> => {
  const receiver = createExportReceiver(exports);
  const peer = await openPeer([receiver]);
  peers.push(peer);
  return { receiver, peer };
};
const outputs = (...values: string[]) =>
  resolveOutputs(values.map(parseOutput), {
    engine: { store: "containerd", multipleExports: true },
    cwd: directory,
  }).exports;
const into = (open: () => Promise<NodeJS.WritableStream>, type = "tar"): ExportEntry => ({
  type,
  attrs: {},
  output: { kind: "stream", open },
});
const everything = async () => (await readdir(directory, { recursive: true })).sort();

describe("archives", () => {
  test("A file takes its name when the solve has succeeded, and not before.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=out.tar"));
    const tar = tarOf("x");
    const { status } = await peer.call(
      path,
      [bytesMessage(tar.subarray(0, 700)), bytesMessage(tar.subarray(700))],
      exporter(0),
    );
    expect(status).toBe(rpcStatus.ok);
    expect(await everything()).not.toContain("out.tar");
    await receiver.complete();
    expect(tar.equals(await readFile(join(directory, "out.tar")))).toBe(true);
    expect(await everything()).toEqual(["out.tar"]);
  });

  test("Half a tar in a call that ends cleanly is not taken for a whole one.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=out.tar"));
    const { status, message } = await peer.call(path, [bytesMessage(Buffer.alloc(2048, "x"))], exporter(0));
    expect(status).toBe(rpcStatus.aborted);
    expect(message).toContain("2048 bytes");
    await expect(receiver.complete()).rejects.toMatchObject({ code: "export_failed" });
    expect(receiver.failure).toMatchObject({ code: "export_failed" });
    expect(await everything()).toEqual([]);
  });

  test("A call that the daemon resets leaves nothing.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=out.tar"));
    const stream = peer.open(path, exporter(0));
    stream.write(framed(bytesMessage(tarOf("x"))));
    // The temporary file shows that the receiver is at work.
    while ((await everything()).length === 0) await new Promise(setImmediate);
    stream.close(8);
    await once(stream, "close");
    await receiver.discard();
    expect(await everything()).toEqual([]);
  });

  test("A failed solve removes what had arrived whole, and leaves the old file.", async () => {
    await writeFile(join(directory, "out.tar"), "old");
    const { receiver, peer } = await start(outputs("type=tar,dest=out.tar"));
    await peer.call(path, [bytesMessage(tarOf("x"))], exporter(0));
    await receiver.discard();
    expect(await everything()).toEqual(["out.tar"]);
    expect(await readFile(join(directory, "out.tar"), "utf8")).toBe("old");
  });

  test("A full disk is told with its own code, to the daemon and to the caller.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=/dev/full"));
    const { status } = await peer.call(path, [bytesMessage(tarOf("x"))], exporter(0));
    expect(status).toBe(rpcStatus.resourceExhausted);
    expect(receiver.failure).toMatchObject({ code: "disk_full", hint: expect.any(String) });
    await receiver.discard();
  });

  test("A reader that goes away ends the call instead of holding it for ever.", async () => {
    const sink = new PassThrough({ highWaterMark: 1000 });
    const { receiver, peer } = await start([into(async () => sink)]);
    const answered = peer.call(path, Array(10).fill(bytesMessage(Buffer.alloc(1000))), exporter(0));
    await once(sink, "readable");
    sink.destroy();
    expect((await answered).status).toBe(rpcStatus.aborted);
    expect(receiver.failure).toMatchObject({ code: "export_failed" });
    await receiver.discard();
  });

  test("A destination that cannot be opened fails the export with the reason.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=file/out.tar"));
    await writeFile(join(directory, "file"), "");
    expect((await peer.call(path, [bytesMessage(tarOf("x"))], exporter(0))).status).toBe(rpcStatus.aborted);
    expect(receiver.failure).toMatchObject({ code: "export_failed" });
    await receiver.discard();
  });

  test("A slow reader holds the sender back: little is kept in memory.", async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let taken = 0;
    const sink = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        gate.then(() => done());
      },
    });
    const { receiver, peer } = await start([into(async () => sink)]);
    const stream = peer.open(path, exporter(0));
    const message = framed(bytesMessage(Buffer.alloc(1_000_000)));
    const total = 64;
    for (let sent = 0; sent < total; sent += 1) stream.write(message);
    stream.end();
    while (taken === 0) await new Promise(setImmediate);
    // What has left the sender is what fits into the windows of the connection, not the whole export.
    await peer.call("/grpc.health.v1.Health/Check", [new Uint8Array(0)]);
    expect(taken).toBe(1_000_000);
    expect(sink.writableLength).toBeLessThanOrEqual(1_000_000);
    expect(stream.writableLength).toBeGreaterThan(20_000_000);
    release();
    expect((await outcome(stream)).status).toBe(rpcStatus.ok);
    await receiver.complete();
    expect(taken).toBe(total * 1_000_000);
  });

  test("What is no message is refused.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=out.tar"));
    expect((await peer.call(path, [Buffer.from([0x0a, 0x7f, 0x01])], exporter(0))).status).toBe(
      rpcStatus.invalidArgument,
    );
    await receiver.discard();
    expect(await everything()).toEqual([]);
  });
});

describe("choosing among exports", () => {
  test("The number in the metadata says which; without a number there must be one only.", async () => {
    const { receiver, peer } = await start(
      outputs("type=image", "type=tar,dest=a.tar", "type=oci,dest=b.tar"),
    );
    const send = (content: string, headers: Record<string, string>) =>
      peer.call(path, [bytesMessage(tarOf(content))], headers);
    expect((await send("b", exporter(2))).status).toBe(rpcStatus.ok);
    expect((await send("a", exporter(1))).status).toBe(rpcStatus.ok);
    expect((await send("x", exporter(0))).status).toBe(rpcStatus.notFound);
    expect((await send("x", {})).status).toBe(rpcStatus.invalidArgument);
    for (const id of ["3", "-1", "1e0", "", "999999999999"]) {
      expect((await send("x", { "buildkit-attachable-exporter-id": id })).status).toBe(rpcStatus.notFound);
    }
    await receiver.complete();
    expect((await readFile(join(directory, "a.tar")))[0]).toBe("a".charCodeAt(0));
    expect((await readFile(join(directory, "b.tar")))[0]).toBe("b".charCodeAt(0));
  });

  test("An engine that does not number its calls reaches the only export.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=a.tar"));
    expect((await peer.call(path, [bytesMessage(tarOf("a"))])).status).toBe(rpcStatus.ok);
    await receiver.complete();
    expect(await everything()).toEqual(["a.tar"]);
  });

  test("An export that was sent is not sent again.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=a.tar"));
    await peer.call(path, [bytesMessage(tarOf("a"))], exporter(0));
    expect((await peer.call(path, [bytesMessage(tarOf("b"))], exporter(0))).status).toBe(
      rpcStatus.alreadyExists,
    );
    await receiver.complete();
    expect((await readFile(join(directory, "a.tar")))[0]).toBe("a".charCodeAt(0));
  });

  test("A solve that reports success without having sent an export is found out, and the others are not kept.", async () => {
    const { receiver, peer } = await start(outputs("type=tar,dest=a.tar", "type=tar,dest=b.tar"));
    await peer.call(path, [bytesMessage(tarOf("a"))], exporter(0));
    await expect(receiver.complete()).rejects.toMatchObject({ code: "protocol_violation" });
    expect(await everything()).toEqual([]);
  });

  test("Nothing is announced where nothing comes back.", () => {
    expect(createExportReceiver(outputs("type=image", "type=oci,dest=d,tar=false")).methods).toEqual({});
    expect(Object.keys(createExportReceiver(outputs("out")).methods)).toEqual([path]);
  });
});

describe("directories", () => {
  const modes = { directory: 0x8000_0000, symlink: 0x0800_0000 };
  type Sent = { path: string; mode: number; content?: string; link?: string };

  /** What the daemon does: announces all, sends what is asked for, ends with FIN. */
  const sendTree = async (peer: Peer, entries: readonly Sent[], options: { breakOff?: boolean } = {}) => {
    const stream = peer.open(path, exporter(0));
    const decoder = new FrameDecoder(1024 * 1024);
    stream.on("data", (chunk: Buffer) => {
      for (const message of decoder.push(chunk)) {
        const packet = decodePacket(message);
        if (packet.type === packetType.request) {
          if (options.breakOff) {
            stream.close(8);
            return;
          }
          stream.write(framed(encodeData(packet.id, Buffer.from(entries[packet.id]?.content ?? ""))));
          stream.write(framed(encodeData(packet.id, new Uint8Array(0))));
        } else if (packet.type === packetType.fin) {
          stream.write(framed(finPacket));
          stream.end();
        }
      }
    });
    for (const { path: name, mode, content, link } of entries) {
      stream.write(
        framed(
          encodeStat({
            path: Buffer.from(name),
            mode,
            uid: 0,
            gid: 0,
            size: content?.length ?? 0,
            modTime: 1_600_000_000_000_000_000n,
            ...(link === undefined ? {} : { linkname: Buffer.from(link) }),
          }),
        ),
      );
    }
    stream.write(framed(endOfWalk));
    return outcome(stream);
  };
  const tree: readonly Sent[] = [
    { path: "bin", mode: (modes.directory | 0o755) >>> 0 },
    { path: "bin/run", mode: 0o755, content: "#!/bin/sh" },
    { path: "bin/secret", mode: 0o600, content: "s" },
    { path: "link", mode: (modes.symlink | 0o777) >>> 0, link: "bin/run" },
  ];

  test("A new directory appears when the solve has succeeded, with modes, times and links.", async () => {
    const { receiver, peer } = await start(outputs("deep/out"));
    expect((await sendTree(peer, tree)).status).toBe(rpcStatus.ok);
    expect(await readdir(join(directory, "deep"))).not.toContain("out");
    await receiver.complete();
    expect(await everything()).toEqual([
      "deep",
      "deep/out",
      "deep/out/bin",
      "deep/out/bin/run",
      "deep/out/bin/secret",
      "deep/out/link",
    ]);
    const run = await lstat(join(directory, "deep/out/bin/run"));
    expect([run.mode & 0o7777, run.mtimeMs]).toEqual([0o755, 1_600_000_000_000]);
    expect((await lstat(join(directory, "deep/out/bin"))).mtimeMs).toBe(1_600_000_000_000);
    expect(await readlink(join(directory, "deep/out/link"))).toBe("bin/run");
  });

  test("A directory that is there keeps its other files; same names are replaced, links not followed.", async () => {
    const out = join(directory, "out");
    const outside = join(directory, "outside");
    await mkdir(join(out, "link"), { recursive: true });
    await mkdir(outside);
    await writeFile(join(out, "link", "inside"), "gone");
    await writeFile(join(out, "mine"), "mine");
    await symlink("../outside", join(out, "bin"));
    const { receiver, peer } = await start(outputs("out"));
    await sendTree(peer, tree);
    await receiver.complete();
    expect(await everything()).toEqual([
      "out",
      "out/bin",
      "out/bin/run",
      "out/bin/secret",
      "out/link",
      "out/mine",
      "outside",
    ]);
    expect((await lstat(join(out, "bin"))).isDirectory()).toBe(true);
    expect(await readdir(outside)).toEqual([]);
  });

  test("Directories that both sides have are joined and take the new mode and time.", async () => {
    await mkdir(join(directory, "out/bin"), { recursive: true, mode: 0o700 });
    await writeFile(join(directory, "out/bin/mine"), "mine");
    await writeFile(join(directory, "out/bin/run"), "old");
    const { receiver, peer } = await start(outputs("out"));
    await sendTree(peer, tree);
    await receiver.complete();
    expect((await readdir(join(directory, "out/bin"))).sort()).toEqual(["mine", "run", "secret"]);
    expect(await readFile(join(directory, "out/bin/run"), "utf8")).toBe("#!/bin/sh");
    const bin = await lstat(join(directory, "out/bin"));
    expect([bin.mode & 0o7777, bin.mtimeMs]).toEqual([0o755, 1_600_000_000_000]);
  });

  test("A transfer that breaks off, and a solve that fails, leave the destination as it was.", async () => {
    await mkdir(join(directory, "out"));
    await writeFile(join(directory, "out/run"), "old");
    for (const breakOff of [true, false]) {
      const { receiver, peer } = await start(outputs("out"));
      await sendTree(peer, tree, { breakOff });
      if (breakOff) await expect(receiver.complete()).rejects.toMatchObject({ code: expect.any(String) });
      else await receiver.discard();
      expect(await everything()).toEqual(["out", "out/run"]);
    }
  });

  test.each(["../evil", "/etc/evil", "bin/../../evil", "link/evil"])(
    "The path %j leaves nothing anywhere.",
    async (evil) => {
      const { receiver, peer } = await start(outputs("out"));
      const entries = [
        { path: "bin", mode: (modes.directory | 0o755) >>> 0 },
        { path: "link", mode: (modes.symlink | 0o777) >>> 0, link: directory },
        { path: evil, mode: 0o644, content: "evil" },
      ];
      expect((await sendTree(peer, entries)).status).not.toBe(rpcStatus.ok);
      await expect(receiver.complete()).rejects.toMatchObject({ code: "protocol_violation" });
      expect(await everything()).toEqual([]);
    },
  );

  test("Calls side by side, one per platform, end in one directory.", async () => {
    const { receiver, peer } = await start(outputs("out"));
    const platform = (name: string): Sent[] => [
      { path: name, mode: (modes.directory | 0o755) >>> 0 },
      { path: `${name}/app`, mode: 0o755, content: name },
    ];
    const results = await Promise.all([
      sendTree(peer, platform("linux_amd64")),
      sendTree(peer, platform("linux_arm64")),
    ]);
    expect(results.map(({ status }) => status)).toEqual([rpcStatus.ok, rpcStatus.ok]);
    await receiver.complete();
    expect(await everything()).toEqual([
      "out",
      "out/linux_amd64",
      "out/linux_amd64/app",
      "out/linux_arm64",
      "out/linux_arm64/app",
    ]);
  });
});
