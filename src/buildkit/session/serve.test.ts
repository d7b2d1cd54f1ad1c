import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { frame, frameType, grpcHeaders, headersFrames, hello } from "./http2-frames.testing.js";
import { deferred, framed, openPeer, openRaw as openRawPeer, outcome, type Peer } from "./peer.testing.js";
import { RpcError, rpcStatus, type SessionCall, type SessionService } from "./service.js";

const echo: SessionService = {
  methods: {
    "/t.T/Echo": async (call) => {
      for await (const message of call.messages) await call.send(message);
    },
  },
};
const method = (run: (call: SessionCall) => Promise<void>): SessionService => ({
  methods: { "/t.T/Run": run },
});
const health = "/grpc.health.v1.Health/Check";

const open: Peer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

describe.each([
  ["tcp", false],
  ["memory", false],
  ["tcp", true],
  ["memory", true],
] as const)("a session over a %s connection (own headers: %s)", (kind, ownHeaders) => {
  const peerOf = async (...[services, over, options]: Parameters<typeof openPeer>) => {
    const peer = await openPeer(services, over, { ownHeaders, ...options });
    open.push(peer);
    return peer;
  };
  const openRaw = (services: readonly SessionService[], over: typeof kind) =>
    openRawPeer(services, over, { ownHeaders });

  test("announces every method of its services and the health check", async () => {
    const { announced } = await peerOf([echo], kind, { id: "abc", sharedKey: "key", name: "n" });
    expect(announced).toEqual({ uuid: "abc", sharedKey: "key", name: "n", methods: [health, "/t.T/Echo"] });
  });

  test("answers the daemon's health check with SERVING", async () => {
    const peer = await peerOf([], kind);
    const { messages, status } = await peer.call(health, [Buffer.alloc(0)]);
    expect(status).toBe(0);
    expect(messages).toEqual([Buffer.from([8, 1])]);
  });

  test("passes messages of every size both ways, in order", async () => {
    const peer = await peerOf([echo], kind);
    const sizes = [0, 1, 4, 5, 16_383, 16_384, 16_385, 300_000, 5_000_000, 0];
    const sent = sizes.map((size, index) => Buffer.alloc(size, index + 1));
    const { messages, status } = await peer.call("/t.T/Echo", sent);
    expect(status).toBe(0);
    expect(messages.map((message) => message.length)).toEqual(sizes);
    expect(Buffer.concat(messages).equals(Buffer.concat(sent))).toBe(true);
  });

  test("reads a message whose frame arrives byte by byte", async () => {
    const peer = await peerOf([echo], kind);
    const stream = peer.open("/t.T/Echo");
    for (const byte of framed(Buffer.from("halting"))) stream.write(Buffer.of(byte));
    stream.end();
    const { messages, status } = await outcome(stream);
    expect(status).toBe(0);
    expect(String(messages[0])).toBe("halting");
  });

  test("answers a thousand calls at once", async () => {
    const peer = await peerOf([echo], kind);
    const calls = Array.from({ length: 1000 }, (_, index) =>
      peer.call("/t.T/Echo", [Buffer.from(`call ${index}`)]),
    );
    const outcomes = await Promise.all(calls);
    expect(outcomes.map(({ messages }) => String(messages[0]))).toEqual(
      calls.map((_, index) => `call ${index}`),
    );
  });

  test("keeps repeated headers apart and reads them as UTF-8", async () => {
    const seen = deferred<readonly string[]>();
    const peer = await peerOf(
      [method(async (call) => seen.resolve(call.metadata.all("exclude-patterns")))],
      kind,
    );
    const patterns = ["geheim, wirklich", "ä/ö", "*.log"];
    await peer.call("/t.T/Run", [], {
      "exclude-patterns": patterns.map((pattern) => Buffer.from(pattern).toString("latin1")),
    });
    expect(await seen.promise).toEqual(patterns);
  });

  test("takes a .dockerignore of five thousand lines", async () => {
    const seen = deferred<readonly string[]>();
    const service = method(async (call) => seen.resolve(call.metadata.all("exclude-patterns")));
    const { session, wire } = await openRaw([service], kind);
    const patterns = Array.from({ length: 5000 }, (_, index) => `d${index}`);
    wire.write(hello);
    wire.write(
      headersFrames(1, [
        ...grpcHeaders("/t.T/Run"),
        ...patterns.map((pattern) => ["exclude-patterns", pattern] as const),
      ]),
    );
    expect(await Promise.race([seen.promise, session.closed])).toEqual(patterns);
    await session.close();
  });

  test("refuses an unknown method with UNIMPLEMENTED and goes on serving", async () => {
    const peer = await peerOf([echo], kind);
    expect((await peer.call("/t.T/Nope", [Buffer.alloc(10)])).status).toBe(rpcStatus.unimplemented);
    expect((await peer.call(health, [Buffer.alloc(0)])).status).toBe(0);
  });

  test("ends a call with the status and the text of an RpcError, whatever characters it holds", async () => {
    const text = "100 % größer\nals 🐳";
    const peer = await peerOf([method(() => Promise.reject(new RpcError(rpcStatus.notFound, text)))], kind);
    expect(await peer.call("/t.T/Run")).toEqual({ messages: [], status: rpcStatus.notFound, message: text });
  });

  test("sends what was answered before a failure, and then the failure", async () => {
    const peer = await peerOf(
      [
        method(async (call) => {
          await call.send(Buffer.from("half"));
          throw new RpcError(rpcStatus.aborted, "no more");
        }),
      ],
      kind,
    );
    const { messages, status } = await peer.call("/t.T/Run");
    expect(messages.map(String)).toEqual(["half"]);
    expect(status).toBe(rpcStatus.aborted);
  });

  test("tells the caller of the session, not the daemon, what an unforeseen error says", async () => {
    const heard: unknown[] = [];
    const error = new SyntaxError(`Unexpected token in "hunter2"`);
    const peer = await peerOf([method(() => Promise.reject(error))], kind, {
      onCallError: (...args) => heard.push(args),
    });
    const { status, message } = await peer.call("/t.T/Run");
    expect(status).toBe(rpcStatus.unknown);
    expect(message).not.toContain("hunter2");
    expect(heard).toEqual([[error, "/t.T/Run"]]);
  });

  test("refuses a message beyond 16 MiB by its length prefix alone", async () => {
    const peer = await peerOf([echo], kind);
    const stream = peer.open("/t.T/Echo");
    stream.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
    const { status, message } = await outcome(stream);
    expect(status).toBe(rpcStatus.resourceExhausted);
    expect(message).toContain("4294967295");
    expect((await peer.call(health, [Buffer.alloc(0)])).status).toBe(0);
  });

  test("refuses a compressed message", async () => {
    const peer = await peerOf([echo], kind);
    const stream = peer.open("/t.T/Echo");
    stream.end(Buffer.from([1, 0, 0, 0, 1, 7]));
    expect((await outcome(stream)).status).toBe(rpcStatus.unimplemented);
  });

  test("reports a request that ends inside a message", async () => {
    const peer = await peerOf([echo], kind);
    const stream = peer.open("/t.T/Echo");
    stream.end(Buffer.from([0, 0, 0, 0, 9, 1, 2]));
    expect((await outcome(stream)).status).toBe(rpcStatus.internal);
  });

  test("refuses a call whose encoded header is not what it says, instead of dropping a pattern", async () => {
    let ran = false;
    const run = async () => {
      ran = true;
    };
    const peer = await peerOf([method(run)], kind);
    const { status } = await peer.call("/t.T/Run", [], {
      "exclude-patterns": "bad%zz",
      "exclude-patterns-encoded": "1",
    });
    expect(status).toBe(rpcStatus.invalidArgument);
    expect(ran).toBe(false);
  });

  test("answers something that is not gRPC with 415", async () => {
    const peer = await peerOf([], kind);
    const stream = peer.open(health, { "content-type": "text/plain" });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(415);
  });

  test.each([0, 2, 8])(
    "aborts the call's signal, its reading and its sending when the daemon resets it with %i",
    async (code) => {
      const started = deferred<SessionCall>();
      const ended = deferred<unknown>();
      const reader = method(async (call) => {
        started.resolve(call);
        try {
          for await (const _ of call.messages);
          ended.resolve("a clean end");
        } catch (error) {
          ended.resolve(error);
          throw error;
        }
      });
      const { session, wire } = await openRaw([reader], kind);
      wire.write(hello);
      wire.write(headersFrames(1, grpcHeaders("/t.T/Run")));
      wire.write(frame(frameType.data, 0, 1, framed(Buffer.from("whole"))));
      const call = await started.promise;
      wire.write(frame(frameType.reset, 0, 1, Buffer.of(0, 0, 0, code)));
      expect(await ended.promise).toMatchObject({ status: rpcStatus.cancelled });
      expect(call.signal.aborted).toBe(true);
      await expect(call.send(Buffer.from("late"))).rejects.toMatchObject({ status: rpcStatus.cancelled });
      await session.close();
    },
  );

  test("ends a call at its grpc-timeout although the method hangs", async () => {
    const aborted = deferred<unknown>();
    const peer = await peerOf(
      [
        method(
          (call) =>
            new Promise((_, reject) => {
              call.signal.addEventListener("abort", () => {
                aborted.resolve(call.signal.reason);
                reject(call.signal.reason);
              });
            }),
        ),
      ],
      kind,
    );
    expect((await peer.call("/t.T/Run", [], { "grpc-timeout": "20m" })).status).toBe(
      rpcStatus.deadlineExceeded,
    );
    expect(await aborted.promise).toMatchObject({ status: rpcStatus.deadlineExceeded });
  });

  test("holds back a method that sends faster than the daemon reads", async () => {
    let sent = 0;
    const blocked = deferred<void>();
    const chunk = Buffer.alloc(256 * 1024);
    const total = 200;
    const peer = await peerOf(
      [
        method(async (call) => {
          for (let index = 0; index < total; index++) {
            const sending = call.send(chunk);
            const first = await Promise.race([sending.then(() => "sent"), idle().then(() => "blocked")]);
            if (first === "blocked") blocked.resolve();
            await sending;
            sent++;
          }
        }),
      ],
      kind,
    );
    const stream = peer.open("/t.T/Run");
    stream.end();
    stream.pause();
    await blocked.promise;
    expect(sent).toBeLessThan(100);
    const { messages, status } = await outcome(stream.resume());
    expect(status).toBe(0);
    expect(messages.length).toBe(total);
  });

  test("pauses a daemon that sends faster than the method reads, and other calls are served meanwhile", async () => {
    const gate = deferred<void>();
    let received = 0;
    const peer = await peerOf(
      [
        method(async (call) => {
          await gate.promise;
          for await (const message of call.messages) received += message.length;
        }),
      ],
      kind,
    );
    const stream = peer.open("/t.T/Run");
    const chunk = framed(Buffer.alloc(1024 * 1024));
    for (let index = 0; index < 32; index++) stream.write(chunk);
    stream.end();
    await idle();
    // 8 MB stream window: the rest has to wait on the daemon's side.
    expect(stream.writableLength).toBeGreaterThan(16 * 1024 * 1024);
    expect((await peer.call(health, [Buffer.alloc(0)])).status).toBe(0);
    gate.resolve();
    expect((await outcome(stream)).status).toBe(0);
    expect(received).toBe(32 * 1024 * 1024);
  });

  test("answers before the daemon has finished sending, and lets go of the call", async () => {
    const peer = await peerOf(
      [method(() => Promise.reject(new RpcError(rpcStatus.aborted, "enough")))],
      kind,
    );
    const stream = peer.open("/t.T/Run");
    stream.write(framed(Buffer.alloc(100)));
    const ended = await outcome(stream);
    expect(ended.status).toBe(rpcStatus.aborted);
  });

  test("lets a method stop reading after the first message and still answer", async () => {
    const first = method(async (call) => {
      for await (const message of call.messages) {
        await call.send(message);
        break;
      }
      await call.send(Buffer.from("done"));
    });
    const peer = await peerOf([first], kind);
    const chunks = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index === 0 ? 3 : 1_000_000, "a"));
    const { messages, status } = await peer.call("/t.T/Run", chunks);
    expect(status).toBe(0);
    expect(messages.map(String)).toEqual(["aaa", "done"]);
  });

  test("refuses to read the messages of a call twice at once", async () => {
    const twice = method(async (call) => {
      const one = call.messages[Symbol.asyncIterator]();
      await one.next();
      await call.messages[Symbol.asyncIterator]().next();
    });
    const peer = await peerOf([twice], kind);
    expect((await peer.call("/t.T/Run", [Buffer.of(1)])).status).toBe(rpcStatus.internal);
  });

  test("resolves `closed` with nothing and aborts the calls when we close it", async () => {
    const started = deferred<SessionCall>();
    const peer = await peerOf(
      [
        method(async (call) => {
          started.resolve(call);
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
        }),
      ],
      kind,
    );
    peer.open("/t.T/Run");
    const call = await started.promise;
    await peer.session.close();
    expect(await peer.session.closed).toBeUndefined();
    expect(call.signal.aborted).toBe(true);
  });

  test("resolves `closed` with session_lost when the daemon drops the connection", async () => {
    const { session, wire } = await openRaw([], kind);
    wire.end();
    wire.destroy();
    expect(await session.closed).toMatchObject({ code: "session_lost" });
    await session.close();
  });

  test("resolves `closed` with session_lost when the daemon half-closes the connection", async () => {
    const { session, wire } = await openRaw([], kind);
    wire.end();
    expect(await session.closed).toMatchObject({ code: "session_lost" });
  });
});

/** Resolves when the event loop has turned often enough for everything that can move to have moved. */
async function idle(): Promise<void> {
  for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
}
