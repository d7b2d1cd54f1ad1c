import { execFileSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secrets, Upload } from "../../../proto/index.js";
import { framed, openPeer, outcome } from "./peer.testing.js";
import { createSecrets, maxSecretBytes, type SecretSource } from "./secrets.js";
import { rpcStatus } from "./service.js";
import { createUpload } from "./upload.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "services-test-"));
});
afterAll(() => rm(directory, { recursive: true }));

describe("secrets", () => {
  const { path, encodeRequest, decodeResponse } = Secrets.methods.GetSecret;

  async function ask(sources: Record<string, SecretSource>, id: string, env?: Record<string, string>) {
    const heard: unknown[] = [];
    const peer = await openPeer([createSecrets(sources, env)], "tcp", {
      onCallError: (error) => heard.push(error),
    });
    const { status, message, messages } = await peer.call(path, [encodeRequest({ id })]);
    await peer.close();
    const data = messages[0] && Buffer.from(decodeResponse(messages[0]).data);
    return { status, message, data, heard };
  }

  test("come from a value, an environment variable and a file", async () => {
    const file = join(directory, "token");
    await writeFile(file, Buffer.from([0, 255, 10]));
    const sources: Record<string, SecretSource> = {
      value: { kind: "value", value: Buffer.from("v") },
      env: { kind: "env", name: "TOKEN" },
      unset: { kind: "env", name: "NOT_THERE" },
      file: { kind: "file", path: file },
    };
    const env = { TOKEN: "größe" };
    expect((await ask(sources, "value", env)).data).toEqual(Buffer.from("v"));
    expect((await ask(sources, "env", env)).data).toEqual(Buffer.from("größe"));
    expect((await ask(sources, "unset", env)).data).toEqual(Buffer.alloc(0));
    expect((await ask(sources, "file", env)).data).toEqual(Buffer.from([0, 255, 10]));
  });

  test.each(["other", "__proto__", "toString", ""])(
    "are NOT_FOUND under the id %j that nobody gave",
    async (id) => {
      const { status } = await ask({ mine: { kind: "value", value: Buffer.from("v") } }, id);
      expect(status).toBe(rpcStatus.notFound);
    },
  );

  test("that cannot be read fail the build instead of counting as not given", async () => {
    const { status, message, heard } = await ask(
      { tok: { kind: "file", path: join(directory, "nope") } },
      "tok",
    );
    expect(status).toBe(rpcStatus.unknown);
    expect(message).toContain('Secret "tok" could not be read');
    expect(heard).toMatchObject([{ code: "secret_missing" }]);
  });

  test("may have 500 KiB and not a byte more", async () => {
    const fits = join(directory, "fits");
    const large = join(directory, "large");
    await writeFile(fits, Buffer.alloc(maxSecretBytes));
    await writeFile(large, Buffer.alloc(maxSecretBytes + 1));
    expect((await ask({ a: { kind: "file", path: fits } }, "a")).data).toHaveLength(512_000);
    expect((await ask({ a: { kind: "file", path: large } }, "a")).heard).toMatchObject([
      { code: "option_invalid" },
    ]);
  });

  test("are read when asked for and once, so that a pipe serves several steps", async () => {
    const fifo = join(directory, "fifo");
    execFileSync("/usr/bin/mkfifo", [fifo]);
    const peer = await openPeer([createSecrets({ a: { kind: "file", path: fifo } })]);
    const first = peer.call(path, [encodeRequest({ id: "a" })]);
    await writeFile(fifo, "from a pipe");
    expect(String(decodeResponse((await first).messages[0]!).data)).toBe("from a pipe");
    const second = await peer.call(path, [encodeRequest({ id: "a" })]);
    expect(String(decodeResponse(second.messages[0]!).data)).toBe("from a pipe");
    await peer.close();
  });

  test.each([
    ["no request", []],
    ["two requests", [encodeRequest({ id: "a" }), encodeRequest({ id: "a" })]],
    ["a malformed request", [Buffer.from([0x0a, 0x7f])]],
  ])("refuse %s", async (_name, messages) => {
    const peer = await openPeer([createSecrets({ a: { kind: "value", value: Buffer.from("x") } })]);
    expect((await peer.call(path, messages)).status).toBe(rpcStatus.invalidArgument);
    await peer.close();
  });
});

describe("an upload", () => {
  const { path, decodeResponse } = Upload.methods.Pull;

  test("gives its bytes once, in messages that 20.10 accepts", async () => {
    const upload = createUpload();
    const content = Buffer.alloc(5_000_000, "abc");
    const address = upload.add(Readable.from([content.subarray(0, 10), content.subarray(10)]));
    const url = new URL(address);
    expect(url.host).toBe("buildkit-session");
    const peer = await openPeer([upload.service]);
    const { messages, status } = await peer.call(path, [], { urlpath: url.pathname, urlhost: url.host });
    expect(status).toBe(0);
    const parts = messages.map((message) => Buffer.from(decodeResponse(message).data));
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThan(4 * 1024 * 1024);
    expect(Buffer.concat(parts).equals(content)).toBe(true);
    expect((await peer.call(path, [], { urlpath: url.pathname })).status).toBe(rpcStatus.notFound);
    await peer.close();
  });

  test("of something unknown is NOT_FOUND", async () => {
    const peer = await openPeer([createUpload().service]);
    expect((await peer.call(path, [], { urlpath: "/nope" })).status).toBe(rpcStatus.notFound);
    expect((await peer.call(path)).status).toBe(rpcStatus.notFound);
    await peer.close();
  });

  test("fails when its source fails, also when that was before the daemon came", async () => {
    const upload = createUpload();
    const address = new URL(upload.add(createReadStream(join(directory, "missing"))));
    const peer = await openPeer([upload.service]);
    const { status, message } = await peer.call(path, [], { urlpath: address.pathname });
    expect(status).toBe(rpcStatus.unknown);
    expect(message).toContain("ENOENT");
    await peer.close();
  });

  test("lets go of its source when the daemon stops fetching", async () => {
    const upload = createUpload();
    const source = new Readable({ read: () => {} });
    source.push("the beginning");
    const address = new URL(upload.add(source));
    const peer = await openPeer([upload.service]);
    const stream = peer.open(path, { urlpath: address.pathname });
    stream.write(framed(Buffer.alloc(0)));
    await new Promise((resolve) => stream.once("response", resolve));
    const closed = new Promise((resolve) => source.once("close", resolve));
    stream.destroy();
    await closed;
    expect((await outcome(stream)).status).toBe(-1);
    await peer.close();
  });
});
