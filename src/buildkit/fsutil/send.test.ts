import { expect, test } from "vitest";
import { createFilesTree } from "../context/files-tree.js";
import { BuildKitError } from "../errors.js";
import { RpcError } from "../session/service.js";
import { decodePacket, encodeError, encodeRequest, finPacket, packetType } from "./packet.js";
import { SendCounter, sendTree } from "./send.js";
import { type StreamEnd, streamPair } from "./stream-pair.testing.js";
import type { ContextTree, TreeEntry } from "./tree.js";

const everything = { includePatterns: [], excludePatterns: [], followPaths: [] };

/** A receiver that is written by hand: sees every packet, and answers what `react` says. */
async function receive(
  end: StreamEnd,
  react: (packet: ReturnType<typeof decodePacket>, index: number) => void,
) {
  let index = 0;
  for await (const message of end.messages) react(decodePacket(message), index++);
}

function start(tree: ContextTree) {
  const abort = new AbortController();
  const [daemon, client] = streamPair(abort.signal);
  const counter = new SendCounter();
  return { abort, daemon, counter, done: sendTree(client, tree, everything, counter) };
}

test("sends all entries, then the content of what is asked for, and answers FIN with FIN", async () => {
  const tree = createFilesTree(
    new Map([
      ["a/b", "x".repeat(600_000)],
      ["c", "yy"],
      ["empty", ""],
    ]),
  );
  const { daemon, done, counter } = start(tree);
  const names: string[] = [];
  const content = new Map<number, string>();
  const ended: number[] = [];
  let finished = false;
  const received = receive(daemon, (packet) => {
    if (packet.type === packetType.stat && packet.stat) names.push(packet.stat.path.toString());
    if (packet.type === packetType.stat && !packet.stat)
      for (const id of [1, 2, 3]) void daemon.send(encodeRequest(id));
    if (packet.type === packetType.data) {
      const text = Buffer.from(packet.data).toString();
      content.set(packet.id, (content.get(packet.id) ?? "") + text);
      expect(text.length).toBeLessThanOrEqual(256 * 1024);
      if (text === "") ended.push(packet.id);
      if (ended.length === 3) void daemon.send(finPacket);
    }
    if (packet.type === packetType.fin) {
      finished = true;
      daemon.end();
    }
  });
  await done;
  await received;
  expect(names).toEqual(["a", "a/b", "c", "empty"]);
  expect([...content.values()].map((text) => text.length).sort()).toEqual([0, 2, 600_000]);
  expect(finished).toBe(true);
  expect(counter).toMatchObject({ files: 3, bytes: 600_002, stats: 4 });
});

test("a request is answered while the walk still goes on", async () => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const files = createFilesTree(
    new Map([
      ["a", "first"],
      ["b", "second"],
    ]),
  );
  const tree: ContextTree = {
    ...files,
    async *entries(filter, signal) {
      for await (const entry of files.entries(filter, signal)) {
        if (entry.path.toString() === "b") await held;
        yield entry;
      }
    },
  };
  const { daemon, done } = start(tree);
  const order: string[] = [];
  void receive(daemon, (packet) => {
    if (packet.type === packetType.stat) {
      order.push(`stat ${packet.stat?.path ?? "end"}`);
      if (order.length === 1) void daemon.send(encodeRequest(0));
      if (packet.stat === undefined) void daemon.send(finPacket);
    } else if (packet.type === packetType.data) {
      order.push(`data ${packet.data.length}`);
      if (packet.data.length === 0) release();
    }
  });
  await done;
  expect(order).toEqual(["stat a", "data 5", "data 0", "stat b", "stat end"]);
});

test.each([
  ["an id beyond the last entry", [99]],
  ["the greatest id", [0xffff_ffff]],
  ["a directory", [0]],
  ["the same file twice", [1, 1]],
])("refuses %s", async (_, ids) => {
  const { daemon, done } = start(createFilesTree(new Map([["d/f", "x"]])));
  void receive(daemon, (packet) => {
    if (packet.type === packetType.stat && !packet.stat)
      for (const id of ids) void daemon.send(encodeRequest(id));
  });
  await expect(done).rejects.toThrow(RpcError);
  await expect(done).rejects.toThrow("invalid file id");
});

test("a hard link or symlink has no content to ask for", async () => {
  const base = { uid: 0, gid: 0, size: 0, modTime: 0n, linkname: Buffer.from("a") };
  const links: TreeEntry[] = [
    { ...base, path: Buffer.from("h"), mode: 0o644 },
    { ...base, path: Buffer.from("s"), mode: 0x0800_01ff },
  ];
  for (const id of [0, 1]) {
    const tree: ContextTree = {
      async *entries() {
        yield* links;
      },
      // biome-ignore lint/correctness/useYield: it must not get so far
      async *read() {
        throw new Error("was read");
      },
      close: async () => {},
    };
    const { daemon, done } = start(tree);
    void receive(daemon, (packet) => {
      if (packet.type === packetType.stat && !packet.stat) void daemon.send(encodeRequest(id));
    });
    await expect(done).rejects.toThrow(`invalid file id ${id}`);
  }
});

test("garbage and packets that a receiver does not send end the call", async () => {
  for (const bytes of [
    Buffer.from("ffffff", "hex"),
    Buffer.from("0802", "hex"),
    Buffer.from("0809", "hex"),
  ]) {
    const { daemon, done } = start(createFilesTree(new Map([["f", "x"]])));
    await daemon.send(bytes);
    await expect(done).rejects.toThrow();
  }
});

test("the reason that the daemon gives for ending the transfer is passed on, in one line", async () => {
  const { daemon, done } = start(createFilesTree(new Map([["f", "x"]])));
  await daemon.send(encodeError("no space left\non device"));
  await expect(done).rejects.toThrow("error from receiver: no space left on device");
});

test("a daemon that leaves without FIN is no success", async () => {
  const { daemon, done } = start(createFilesTree(new Map([["f", "x"]])));
  const client = daemon.peer!;
  client.end();
  await expect(done).rejects.toThrow("before the end");
});

test("an error of the tree reaches the daemon as ERR and the caller as it is", async () => {
  const failure = new BuildKitError("context_changed", "f changed");
  const tree: ContextTree = {
    ...createFilesTree(new Map([["f", "x"]])),
    // biome-ignore lint/correctness/useYield: fails before the first piece
    async *read() {
      throw failure;
    },
  };
  const { daemon, done } = start(tree);
  const errors: string[] = [];
  void receive(daemon, (packet) => {
    if (packet.type === packetType.stat && !packet.stat) void daemon.send(encodeRequest(0));
    if (packet.type === packetType.error) errors.push(Buffer.from(packet.data).toString());
  });
  await expect(done).rejects.toBe(failure);
  await expect.poll(() => errors).toEqual(["f changed"]);
});

test.each([
  ["more", "xxxx"],
  ["less", "x"],
])("a tree that serves %s bytes than it announced fails", async (_, served) => {
  const tree: ContextTree = {
    ...createFilesTree(new Map([["f", "xx"]])),
    async *read() {
      yield Buffer.from(served);
    },
  };
  const { daemon, done } = start(tree);
  let complete = false;
  void receive(daemon, (packet) => {
    if (packet.type === packetType.stat && !packet.stat) void daemon.send(encodeRequest(0));
    if (packet.type === packetType.data && packet.data.length === 0) complete = true;
  });
  await expect(done).rejects.toMatchObject({ code: "context_changed" });
  expect(complete).toBe(false);
});

test("a cancelled call ends the transfer with the reason, and the walk with it", async () => {
  let walking = true;
  const tree: ContextTree = {
    ...createFilesTree(new Map()),
    async *entries() {
      try {
        for (let at = 0; ; at++) {
          yield {
            path: Buffer.from(`f${String(at).padStart(9, "0")}`),
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 1,
            modTime: 0n,
          };
        }
      } finally {
        walking = false;
      }
    },
  };
  const { daemon, abort, done } = start(tree);
  let seen = 0;
  receive(daemon, () => {
    if (++seen === 1000) abort.abort(new RpcError(1, "the daemon ended the call"));
  }).catch(() => {});
  await expect(done).rejects.toThrow("the daemon ended the call");
  await expect.poll(() => walking).toBe(false);
});

test("a daemon that leaves over a name that is no UTF-8 is explained by that name", async () => {
  const odd: TreeEntry = {
    path: Buffer.from([0x61, 0xff]),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 0,
    modTime: 0n,
  };
  const tree: ContextTree = {
    ...createFilesTree(new Map()),
    async *entries() {
      yield odd;
    },
  };
  const { daemon, abort, done } = start(tree);
  receive(daemon, () => abort.abort(new RpcError(1, "the daemon ended the call"))).catch(() => {});
  await expect(done).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringContaining("a\ufffd"),
  });
});

test("a receiver that reads slowly holds the walk back", async () => {
  let walked = 0;
  const tree: ContextTree = {
    ...createFilesTree(new Map()),
    async *entries() {
      for (; walked < 100_000; walked++) {
        yield {
          path: Buffer.from(`f${String(walked).padStart(9, "0")}`),
          mode: 0o644,
          uid: 0,
          gid: 0,
          size: 1,
          modTime: 0n,
        };
      }
    },
  };
  const { abort, done } = start(tree);
  await expect.poll(() => walked).toBeGreaterThan(60);
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(walked).toBeLessThan(200);
  abort.abort(new Error("enough"));
  await expect(done).rejects.toThrow("enough");
});
