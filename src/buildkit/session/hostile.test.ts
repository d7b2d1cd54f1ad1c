import { describe, expect, test } from "vitest";
import { frame, frameType, grpcHeaders, headersFrames, hello, preface } from "./http2-frames.testing.js";
import { framed, openPeer, openRaw } from "./peer.testing.js";
import type { SessionService } from "./service.js";

const echo: SessionService = {
  methods: {
    "/t.T/Echo": async (call) => {
      for await (const message of call.messages) await call.send(message);
    },
  },
};
const settings = frame(frameType.settings, 0, 0);

/** mulberry32: the same bytes in every run, so that a failure can be run again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.each([false, true])(
  "a connection that breaks HTTP/2 ends the session with session_lost and nothing else (own headers: %s)",
  (ownHeaders) => {
    test.each([
      ["a wrong preface", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
      [
        "a frame longer than allowed",
        Buffer.concat([preface, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1])]),
      ],
      ["data on stream 0", Buffer.concat([hello, frame(frameType.data, 0, 0, Buffer.alloc(4))])],
      ["data on an idle stream", Buffer.concat([hello, frame(frameType.data, 0, 7, Buffer.alloc(4))])],
      [
        "headers that are not HPACK",
        Buffer.concat([hello, frame(frameType.headers, 4, 1, Buffer.alloc(40, 0xff))]),
      ],
      ["a stream with an even number", Buffer.concat([hello, headersFrames(2, grpcHeaders("/t.T/Echo"))])],
      [
        "a continuation without headers",
        Buffer.concat([hello, frame(frameType.continuation, 4, 1, Buffer.alloc(9))]),
      ],
      [
        "settings of a wrong length",
        Buffer.concat([preface, frame(frameType.settings, 0, 0, Buffer.alloc(5))]),
      ],
      [
        "headers that end inside a string",
        Buffer.concat([hello, frame(frameType.headers, 4, 1, Buffer.of(0, 9))]),
      ],
      [
        "a header block that another frame interrupts",
        Buffer.concat([hello, frame(frameType.headers, 0, 1, Buffer.of(0x83)), frame(frameType.ping, 0, 0)]),
      ],
      [
        "padding that is longer than its frame",
        Buffer.concat([hello, frame(frameType.headers, 4 | 8, 1, Buffer.of(200, 0x83))]),
      ],
    ])("%s", async (_name, bytes) => {
      const { session, wire } = await openRaw([echo], "tcp", { keepaliveMs: 20, ownHeaders });
      wire.write(bytes);
      expect(await session.closed).toMatchObject({ code: "session_lost" });
      wire.destroy();
    });

    test("closing a connection that hangs after a protocol error", async () => {
      const { session, wire } = await openRaw([echo], "tcp", { ownHeaders });
      const hungUp = new Promise((resolve) => wire.once("close", resolve));
      wire.resume();
      wire.write(Buffer.concat([hello, frame(frameType.data, 0, 7, Buffer.alloc(4))]));
      await session.close();
      await hungUp;
      expect(await session.closed).toBeUndefined();
    });

    test("a connection that goes away inside a frame", async () => {
      const { session, wire } = await openRaw([echo], "tcp", { ownHeaders });
      wire.end(Buffer.concat([hello, headersFrames(1, grpcHeaders("/t.T/Echo")).subarray(0, 20)]));
      expect(await session.closed).toMatchObject({ code: "session_lost" });
    });

    test.each(["tcp", "memory"] as const)("random bytes after a good beginning, over %s", async (kind) => {
      const random = seeded(20_260_801);
      for (let round = 0; round < 60; round++) {
        const { session, wire } = await openRaw([echo], kind, { keepaliveMs: 5, ownHeaders });
        wire.resume();
        wire.write(hello);
        wire.write(headersFrames(1, grpcHeaders("/t.T/Echo")));
        for (let piece = 0; piece < 20; piece++) {
          const bytes = Buffer.from(
            Array.from({ length: 1 + Math.floor(random() * 200) }, () => random() * 256),
          );
          // Half the pieces are well-formed frames with random insides, so that they get past the first check.
          const type = Math.floor(random() * 10);
          wire.write(
            random() < 0.5 ? frame(type, Math.floor(random() * 256), Math.floor(random() * 5), bytes) : bytes,
          );
        }
        wire.end();
        expect(await session.closed).toMatchObject({ code: "session_lost" });
        wire.destroy();
      }
    });
  },
);

describe("what only node:http2 breaks at ends the session with session_lost and nothing else", () => {
  test.each([
    ["a header that is longer than any", headersFrames(1, [["x", "y".repeat(100_000)]])],
    ["more continuations than any", headersFrames(1, Array(9000).fill(["key", "v".repeat(60)]))],
  ])("%s", async (_name, bytes) => {
    const { session, wire } = await openRaw([echo], "tcp", { keepaliveMs: 20 });
    wire.write(Buffer.concat([hello, bytes]));
    expect(await session.closed).toMatchObject({ code: "session_lost" });
    wire.destroy();
  });
});

describe("a call that is malformed harms no other call", () => {
  test("random bytes instead of gRPC frames", async () => {
    const random = seeded(7);
    const peer = await openPeer([echo]);
    const garbage = Array.from({ length: 200 }, async () => {
      const stream = peer.open("/t.T/Echo");
      stream.on("data", () => {});
      const done = new Promise((resolve) => stream.once("close", resolve));
      stream.end(Buffer.from(Array.from({ length: Math.floor(random() * 400) }, () => random() * 256)));
      await done;
    });
    const good = Array.from({ length: 50 }, (_, index) =>
      peer.call("/t.T/Echo", [Buffer.from(`good ${index}`)]),
    );
    const outcomes = await Promise.all(good);
    expect(outcomes.map(({ messages }) => String(messages[0]))).toEqual(
      good.map((_, index) => `good ${index}`),
    );
    await Promise.all(garbage);
    await peer.close();
  });

  test("calls reset at every stage", async () => {
    const random = seeded(11);
    const { session, wire } = await openRaw([echo]);
    wire.resume();
    wire.write(hello);
    // node resets a connection that resets more than about a thousand streams in a burst: stay below.
    for (let stream = 1; stream < 1200; stream += 2) {
      wire.write(headersFrames(stream, grpcHeaders(random() < 0.2 ? "/t.T/None" : "/t.T/Echo")));
      const message = framed(Buffer.alloc(Math.floor(random() * 3000)));
      if (random() < 0.7)
        wire.write(frame(frameType.data, 0, stream, message.subarray(0, 1 + random() * message.length)));
      if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
      wire.write(frame(frameType.reset, 0, stream, Buffer.of(0, 0, 0, Math.floor(random() * 14))));
    }
    const ping = Buffer.from("pingpong");
    const answered = new Promise<void>((resolve) => {
      let tail = Buffer.alloc(0);
      wire.on("data", (chunk: Buffer) => {
        tail = Buffer.concat([tail, chunk]);
        if (tail.includes(ping)) resolve();
        tail = tail.subarray(-20);
      });
    });
    wire.write(frame(frameType.ping, 0, 0, ping));
    expect(await Promise.race([answered.then(() => "alive"), session.closed])).toBe("alive");
    await session.close();
    wire.destroy();
  });

  test("settings that shrink the window to nothing only stop what is sent", async () => {
    const { session, wire } = await openRaw([echo]);
    wire.resume();
    wire.write(preface);
    // SETTINGS_INITIAL_WINDOW_SIZE (4) = 0.
    wire.write(frame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    wire.write(headersFrames(1, grpcHeaders("/t.T/Echo")));
    wire.write(frame(frameType.data, 1, 1, framed(Buffer.alloc(100))));
    wire.write(settings);
    await session.close();
    expect(await session.closed).toBeUndefined();
    wire.destroy();
  });
});
