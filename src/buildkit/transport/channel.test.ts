import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Channel, openChannel } from "./channel.js";
import { type Doorbell, openDoorbell } from "./doorbell.js";
import { serverStream, unary } from "./rpc.js";

const keepalive = { timeMs: 10_000, timeoutMs: 10_000 };
const echo = {
  path: "/echo",
  encodeRequest: (text: string) => Buffer.from(text),
  decodeResponse: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
};

let server: Http2Server;
let bell: Doorbell;
let channel: Channel | undefined;
let dialled: Duplex[];

/** The smallest gRPC server: sends every request message back. */
beforeEach(async () => {
  dialled = [];
  bell = await openDoorbell();
  server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.on("error", () => {});
    if (headers[":path"] === "/hang") return;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  channel?.close();
  bell.close();
  server.close();
});

async function dial(): Promise<Duplex> {
  const stream = connect((server.address() as AddressInfo).port, "127.0.0.1");
  dialled.push(stream);
  return stream;
}

test("contract with grpc-js: credentials make the connector that makes the connection", () => {
  // Internal since 1.13. If this breaks after an upgrade of grpc-js, channel.ts has to follow before anything else.
  const connector = ChannelCredentials.createInsecure()._createSecureConnector(
    { path: "127.0.0.1:1" },
    {},
    CallCredentials.createEmpty(),
  );
  const method = expect.any(Function);
  expect(connector).toMatchObject({
    connect: method,
    waitForReady: method,
    getCallCredentials: method,
    destroy: method,
  });
});

test("calls travel on the stream that was dialled, not on the doorbell's", async () => {
  channel = openChannel(bell.target, dial, keepalive);
  expect(dialled).toHaveLength(0);
  expect(await unary(channel.client, echo, "hello")).toBe("hello");
  expect(await unary(channel.client, echo, "again")).toBe("again");
  expect(dialled).toHaveLength(1);
});

test("a lost connection fails the call under way, and the next call dials again", async () => {
  channel = openChannel(bell.target, dial, keepalive);
  await unary(channel.client, echo, "first");
  const hanging = unary(channel.client, { ...echo, path: "/hang" }, "x");
  server.once("stream", () => dialled[0]?.destroy());
  await expect(hanging).rejects.toMatchObject({ code: 14 });
  expect(await unary(channel.client, echo, "second", { timeoutMs: 10_000 })).toBe("second");
  expect(dialled).toHaveLength(2);
});

test("a dial that fails fails the call and is kept as the reason", async () => {
  const reason = new Error("no daemon");
  channel = openChannel(bell.target, () => Promise.reject(reason), keepalive);
  await expect(unary(channel.client, echo, "x")).rejects.toMatchObject({ code: 14 });
  expect(channel.dialError).toBe(reason);
});

test("aborting cancels a call and leaves the channel usable", async () => {
  channel = openChannel(bell.target, dial, keepalive);
  await unary(channel.client, echo, "first");
  const abort = new AbortController();
  const hanging = unary(channel.client, { ...echo, path: "/hang" }, "x", { signal: abort.signal });
  server.once("stream", () => abort.abort());
  await expect(hanging).rejects.toMatchObject({ code: 1 });
  expect(await unary(channel.client, echo, "x")).toBe("x");
});

test("leaving a stream of answers early cancels the call at the server", async () => {
  channel = openChannel(bell.target, dial, keepalive);
  const cancelled = new Promise<void>((resolve) => {
    server.once("stream", (stream: ServerHttp2Stream) => stream.once("close", () => resolve()));
  });
  for await (const answer of serverStream(channel.client, echo, "one")) {
    expect(answer).toBe("one");
    break;
  }
  await cancelled;
});

test("closing ends calls and connections, also one that is being dialled", async () => {
  channel = openChannel(bell.target, dial, keepalive);
  await unary(channel.client, echo, "first");
  const gone = new Promise<void>((resolve) => dialled[0]?.once("close", () => resolve()));
  const hanging = unary(channel.client, { ...echo, path: "/hang" }, "x");
  channel.close();
  await expect(hanging).rejects.toHaveProperty("code");
  await gone;

  let aborted = false;
  const slow = openChannel(
    bell.target,
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          reject(signal.reason);
        });
        slow.close();
      }),
    keepalive,
  );
  await expect(unary(slow.client, echo, "x", { timeoutMs: 5000 })).rejects.toHaveProperty("code");
  expect(aborted).toBe(true);
});
