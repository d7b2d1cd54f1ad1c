import { createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SSH } from "../../../../proto/index.js";
import { framed, openPeer, outcome } from "../peer.testing.js";
import { rpcStatus } from "../service.js";
import { parsePrivateKey } from "./private-key.js";
import { createSshAgents, type SshAgentSource } from "./service.js";
import { AgentMessages, SshReader, sshMpint, sshString, sshUint32 } from "./wire.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ssh-test-"));
});
afterAll(() => rm(directory, { recursive: true }));

const { CheckAgent, ForwardAgent } = SSH.methods;

/** Speaks to a forwarded agent as the daemon does: one stream, the bytes cut anywhere. */
async function talk(
  agents: Record<string, SshAgentSource>,
  requests: readonly Buffer[],
  id?: string,
): Promise<{ answers: Buffer[]; status: number; bytes: Buffer }> {
  const peer = await openPeer([await createSshAgents(agents, {})]);
  const stream = peer.open(ForwardAgent.path, id === undefined ? {} : { "buildkit.ssh.id": id });
  for (const byte of Buffer.concat(requests.map((request) => sshString(request)))) {
    stream.write(framed(ForwardAgent.encodeRequest({ data: Buffer.of(byte) })));
  }
  stream.end();
  const { messages, status } = await outcome(stream);
  await peer.close();
  const bytes = Buffer.concat(
    messages.map((message) => Buffer.from(ForwardAgent.decodeResponse(message).data)),
  );
  return { answers: [...new AgentMessages().push(bytes)], status, bytes };
}

const listRequest = Buffer.of(11);
const signRequest = (blob: Buffer, content: Buffer, flags: number) =>
  Buffer.concat([Buffer.of(13), sshString(blob), sshString(content), sshUint32(flags)]);
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();
const field = (jwk: JsonWebKey, name: keyof JsonWebKey & string) =>
  Buffer.from(String(jwk[name]), "base64url");

/** Writes a private key as `ssh-keygen` does. */
function openSshFile(key: KeyObject, comment: string, cipher = "none"): string {
  const jwk = key.export({ format: "jwk" });
  const get = (name: string) => field(jwk, name);
  const fields =
    jwk.kty === "OKP"
      ? [sshString("ssh-ed25519"), sshString(get("x")), sshString(Buffer.concat([get("d"), get("x")]))]
      : jwk.kty === "RSA"
        ? [sshString("ssh-rsa"), ...["n", "e", "d", "qi", "p", "q"].map((name) => sshMpint(get(name)))]
        : [
            sshString("ecdsa-sha2-nistp521"),
            sshString("nistp521"),
            sshString(Buffer.concat([Buffer.of(4), get("x"), get("y")])),
            sshMpint(get("d")),
          ];
  const secret = Buffer.concat([
    sshUint32(7),
    sshUint32(7),
    ...fields,
    sshString(comment),
    Buffer.of(1, 2, 3),
  ]);
  const bytes = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    ...[cipher, "none", "", sshUint32(1), "public", secret].map((part, index) =>
      index === 3 ? (part as Buffer) : sshString(part),
    ),
  ]);
  const lines = bytes.toString("base64").replace(/.{70}/g, "$&\n");
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

const ed25519 = generateKeyPairSync("ed25519").privateKey;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const ecdsa = generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey;

describe("an agent made of private key files", () => {
  test.each([
    ["ed25519", ed25519, 0, "ssh-ed25519", null],
    ["RSA with SHA-256", rsa, 2, "rsa-sha2-256", "sha256"],
    ["RSA with SHA-512", rsa, 4, "rsa-sha2-512", "sha512"],
    ["ECDSA P-521", ecdsa, 0, "ecdsa-sha2-nistp521", "sha512"],
  ] as const)(
    "lists and signs with %s, from OpenSSH's format and from PEM",
    async (_name, key, flags, algorithm, hash) => {
      const content = Buffer.from("to be signed");
      for (const text of [openSshFile(key, "me@home"), pem(key)]) {
        const path = join(directory, "key");
        await writeFile(path, text);
        const blob = parsePrivateKey(Buffer.from(text), path).blob;
        const { answers, status } = await talk({ default: { keys: [path] } }, [
          listRequest,
          signRequest(blob, content, flags),
        ]);
        expect(status).toBe(0);
        const list = new SshReader(answers[0]!);
        expect([list.take(1)[0], list.uint32(), list.string(), list.text()]).toEqual([
          12,
          1,
          blob,
          text.includes("OPENSSH") ? "me@home" : path,
        ]);
        const answer = new SshReader(answers[1]!);
        expect(answer.take(1)[0]).toBe(14);
        const signature = new SshReader(answer.string());
        expect(signature.text()).toBe(algorithm);
        let raw = signature.string();
        if (key === ecdsa) {
          const numbers = new SshReader(raw);
          raw = Buffer.concat(
            [numbers.mpint(), numbers.mpint()].map((n) => Buffer.concat([Buffer.alloc(66 - n.length), n])),
          );
        }
        expect(verify(hash, content, { key: createPublicKey(key), dsaEncoding: "ieee-p1363" }, raw)).toBe(
          true,
        );
      }
    },
  );

  test("refuses everything but listing and signing, and signatures by keys it does not have or with SHA-1", async () => {
    const path = join(directory, "rsa");
    await writeFile(path, pem(rsa));
    const { blob } = parsePrivateKey(Buffer.from(pem(rsa)), "");
    const { answers } = await talk({ default: { keys: [path] } }, [
      Buffer.of(17, 1, 2, 3), // add identity
      Buffer.of(19), // remove all
      Buffer.of(22), // lock
      Buffer.of(27), // extension
      signRequest(Buffer.from("other"), Buffer.from("x"), 2),
      signRequest(blob, Buffer.from("x"), 0),
      Buffer.of(13, 0xff, 0xff, 0xff, 0xff), // sign, cut short
      listRequest,
    ]);
    expect(answers.map((answer) => answer[0])).toEqual([5, 5, 5, 5, 5, 5, 5, 12]);
  });

  test.each([
    ["with a passphrase in OpenSSH's format", openSshFile(ed25519, "c", "aes256-ctr"), "passphrase"],
    [
      "with a passphrase in PEM",
      rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "p" }).toString(),
      "passphrase",
    ],
    [
      "with a passphrase in old PEM",
      rsa.export({ type: "pkcs1", format: "pem", cipher: "aes-128-cbc", passphrase: "p" }).toString(),
      "passphrase",
    ],
    ["of another kind", pem(generateKeyPairSync("ed448").privateKey), "not supported"],
    ["that is none", "hunter2", "not a private key"],
    [
      "that is cut short",
      openSshFile(ed25519, "c").replace(/.{40}\n-----END/, "\n-----END"),
      "not a private key",
    ],
  ])("refuses a key %s before the build, with a hint", async (_name, text, sentence) => {
    const path = join(directory, "bad");
    await writeFile(path, text);
    const making = createSshAgents({ default: { keys: [path] } });
    await expect(making).rejects.toMatchObject({
      code: "option_invalid",
      hint: expect.stringContaining("ssh-add"),
    });
    await expect(making).rejects.toThrow(sentence);
  });

  test("refuses a key that is not there", async () => {
    await expect(createSshAgents({ default: { keys: [join(directory, "none")] } })).rejects.toThrow("ENOENT");
  });
});

describe("an agent behind a socket", () => {
  const listening: Server[] = [];
  afterAll(() => {
    for (const server of listening) server.close();
  });

  /** Answers each request with a message of type 12 that repeats it. */
  async function agentAt(name: string): Promise<{ path: string; seen: Buffer[] }> {
    const seen: Buffer[] = [];
    const path = join(directory, name);
    const server = createServer((socket) => {
      const messages = new AgentMessages();
      socket.on("data", (chunk: Buffer) => {
        for (const message of messages.push(chunk)) {
          seen.push(message);
          socket.write(sshString(Buffer.concat([Buffer.of(12), message])));
        }
      });
    });
    listening.push(server);
    await once(server.listen(path), "listening");
    return { path, seen };
  }

  test("hears listing and signing and nothing else", async () => {
    const { path, seen } = await agentAt("a.sock");
    const sign = signRequest(Buffer.from("k"), Buffer.from("c"), 0);
    const { answers, status } = await talk(
      { default: { socket: path } },
      [listRequest, Buffer.of(19), sign],
      "default",
    );
    expect(status).toBe(0);
    expect(answers).toEqual([Buffer.of(12, 11), Buffer.of(5), Buffer.concat([Buffer.of(12), sign])]);
    expect(seen).toEqual([listRequest, sign]);
  });

  test("is found by its id, by SSH_AUTH_SOCK and by a path that may be socket or key", async () => {
    const { path } = await agentAt("b.sock");
    const key = join(directory, "b.key");
    await writeFile(key, pem(ed25519));
    expect((await talk({ git: { paths: [path] } }, [listRequest], "git")).answers).toEqual([
      Buffer.of(12, 11),
    ]);
    expect((await talk({ git: { paths: [key] } }, [listRequest], "git")).answers[0]?.[4]).toBe(1);
    await expect(createSshAgents({ default: {} }, { SSH_AUTH_SOCK: path })).resolves.toBeDefined();
    await expect(createSshAgents({ default: {} }, {})).rejects.toMatchObject({ code: "ssh_agent_missing" });
    await expect(createSshAgents({ default: { paths: [path, key] } }, {})).rejects.toMatchObject({
      code: "option_invalid",
    });
  });

  test("passes bytes through unread in raw mode", async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    listening.push(server);
    const path = join(directory, "raw.sock");
    await once(server.listen(path), "listening");
    const { bytes, status } = await talk({ default: { socket: path, raw: true } }, [Buffer.of(99, 1, 2)]);
    expect(status).toBe(0);
    expect(bytes).toEqual(Buffer.from([0, 0, 0, 3, 99, 1, 2]));
  });

  test("that is gone fails the call, not the session", async () => {
    const { status } = await talk({ default: { socket: join(directory, "gone.sock") } }, [listRequest]);
    expect(status).toBe(rpcStatus.unknown);
  });

  test("fails the call when a message of impossible length comes", async () => {
    const { path } = await agentAt("c.sock");
    const peer = await openPeer([await createSshAgents({ default: { socket: path } })]);
    const data = Buffer.from([0xff, 0xff, 0xff, 0xff]);
    expect((await peer.call(ForwardAgent.path, [ForwardAgent.encodeRequest({ data })])).status).toBe(
      rpcStatus.invalidArgument,
    );
    await peer.close();
  });
});

test("an id that was not forwarded is refused, by the check and by the call", async () => {
  const peer = await openPeer([await createSshAgents({ git: { keys: [] } })]);
  const check = (id: string) => peer.call(CheckAgent.path, [CheckAgent.encodeRequest({ id })]);
  expect((await check("git")).status).toBe(0);
  expect(await check("")).toMatchObject({
    status: rpcStatus.notFound,
    message: expect.stringContaining("default"),
  });
  expect((await peer.call(ForwardAgent.path)).status).toBe(rpcStatus.notFound);
  await peer.close();
});
