import { Duplex, PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { ExecStream } from "./docker-frames.js";

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

/** The empty SETTINGS frame that an HTTP/2 server begins with. */
const settings = "\0\0\0\x04\0\0\0\0\0";

function pair(): { exec: ExecStream; fromDaemon: PassThrough; toDaemon: PassThrough } {
  const fromDaemon = new PassThrough();
  const toDaemon = new PassThrough();
  const raw = Duplex.from({ readable: fromDaemon, writable: toDaemon });
  return { exec: new ExecStream(raw, "`x`"), fromDaemon, toDaemon };
}

test("stdout comes out of its frames whatever the pieces they arrive in, and stderr is kept out", async () => {
  const { exec, fromDaemon } = pair();
  const wire = Buffer.concat([
    frame(1, settings),
    frame(1, "one,"),
    frame(2, "noise"),
    frame(1, ""),
    frame(1, "two"),
  ]);
  for (const byte of wire) fromDaemon.write(Buffer.from([byte]));
  fromDaemon.end();
  expect((await buffer(exec)).toString()).toBe(`${settings}one,two`);
});

test("what is written goes to the process as it is", async () => {
  const { exec, toDaemon } = pair();
  exec.write("PRI * HTTP/2.0");
  const [first] = (await toDaemon[Symbol.asyncIterator]().next()).value.toString().split("\n");
  expect(first).toBe("PRI * HTTP/2.0");
  exec.destroy();
});

test.each([1, 2])(
  "a process that only complains (on stream %i) ends the stream with its complaint",
  async (stream) => {
    const { exec, fromDaemon } = pair();
    fromDaemon.end(frame(stream, 'exec: "buildctl": executable file not found in $PATH\n'));
    await expect(buffer(exec)).rejects.toMatchObject({
      code: "daemon_unreachable",
      message: expect.stringContaining("executable file not found"),
    });
  },
);

test("bytes that are no frame end the stream instead of being waited for", async () => {
  const { exec, fromDaemon } = pair();
  fromDaemon.write("HTTP/1.1 200 OK\r\n\r\n");
  await expect(buffer(exec)).rejects.toMatchObject({ code: "protocol_violation" });
});
