// The agents that builds get, through the eyes of OpenSSH's own tools.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SSH } from "../../proto/index.js";
import { createSshAgents, type SshAgentSource } from "../../src/buildkit/index.js";
import { FrameDecoder } from "../../src/buildkit/session/frames.js";
import { framed, openPeer, type Peer } from "../../src/buildkit/session/peer.testing.js";
import { script } from "../lab/scripts.js";

const run = promisify(execFile);
const { path, encodeRequest, decodeResponse } = SSH.methods.ForwardAgent;
let tools: NodeJS.ProcessEnv = {};
let directory = "";
const ending: (() => unknown)[] = [];

beforeAll(async () => {
  const folder = (await script("-c", ["tool openssh openssh-client libssl3"])).trim();
  const libraries = join(folder, "usr/lib");
  const architecture = (await readdir(libraries)).find((name) => name.includes("-linux-gnu")) ?? "";
  tools = {
    PATH: `${folder}/usr/bin:/usr/bin:/bin`,
    LD_LIBRARY_PATH: join(libraries, architecture),
    HOME: "/nonexistent",
  };
  directory = await mkdtemp(join(tmpdir(), "openssh-"));
});
afterAll(() => rm(directory, { recursive: true }));
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** Does what the daemon does for a step: a socket whose connections are calls of ForwardAgent. */
async function forwarded(source: SshAgentSource): Promise<string> {
  const peer: Peer = await openPeer([await createSshAgents({ default: source })]);
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => carry(peer, socket));
  const at = join(directory, `agent-${ending.length}-${Math.random().toString(36).slice(2)}`);
  await once(server.listen(at), "listening");
  ending.push(
    () => peer.close(),
    () => server.close(),
  );
  return at;
}

function carry(peer: Peer, socket: Socket): void {
  const stream = peer.open(path);
  const decoder = new FrameDecoder(1024 * 1024);
  socket.on("data", (data) => stream.write(framed(encodeRequest({ data }))));
  socket.on("end", () => stream.end());
  socket.on("error", () => stream.close());
  stream.on("data", (chunk: Buffer) => {
    for (const message of decoder.push(chunk)) socket.write(decodeResponse(message).data);
  });
  stream.on("close", () => socket.end());
}

async function newKey(name: string, ...options: string[]): Promise<string> {
  const file = join(directory, name);
  await run("ssh-keygen", ["-q", "-N", "", "-C", `${name} of a test`, "-f", file, ...options], {
    env: tools,
  });
  return file;
}

const inAgent = (socket: string): NodeJS.ProcessEnv => ({ ...tools, SSH_AUTH_SOCK: socket });
const fingerprint = async (file: string) =>
  (await run("ssh-keygen", ["-l", "-f", `${file}.pub`], { env: tools })).stdout;

test.each([
  ["ed25519", ["-t", "ed25519"]],
  ["rsa", ["-t", "rsa", "-b", "3072"]],
  ["rsa in PEM", ["-t", "rsa", "-m", "PEM"]],
  ["rsa in PKCS8", ["-t", "rsa", "-m", "PKCS8"]],
  ["ecdsa-256", ["-t", "ecdsa", "-b", "256"]],
  ["ecdsa-384", ["-t", "ecdsa", "-b", "384"]],
  ["ecdsa-521", ["-t", "ecdsa", "-b", "521"]],
])("ssh-add lists a key file of ssh-keygen and ssh-keygen signs with it: %s", async (name, options) => {
  const file = await newKey(name.replaceAll(" ", "-"), ...options);
  const agent = await forwarded({ keys: [file] });
  const { stdout } = await run("ssh-add", ["-l"], { env: inAgent(agent) });
  expect(stdout.split(" ")[1]).toBe((await fingerprint(file)).split(" ")[1]);
  const content = join(directory, "content");
  await writeFile(content, "signed by the agent");
  await rm(`${content}.sig`, { force: true });
  // The private key is hidden from it, so that only the agent can have signed.
  const publicOnly = join(directory, "only.pub");
  await writeFile(publicOnly, await readFile(`${file}.pub`));
  await run("ssh-keygen", ["-q", "-Y", "sign", "-n", "file", "-f", publicOnly, content], {
    env: inAgent(agent),
  });
  const check = `ssh-keygen -Y check-novalidate -n file -s ${content}.sig < ${content}`;
  expect((await run("sh", ["-c", check], { env: tools })).stdout).toContain('Good "file" signature');
});

test("ssh-add can neither add nor remove keys, nor lock the agent, also where a real agent stands behind", async () => {
  const socket = join(directory, "real-agent");
  const daemon = spawn("ssh-agent", ["-D", "-a", socket], {
    env: tools,
    stdio: ["ignore", "pipe", "inherit"],
  });
  ending.push(async () => {
    daemon.kill();
    await once(daemon, "close");
  });
  await once(daemon.stdout, "data");
  const file = await newKey("kept", "-t", "ed25519");
  const other = await newKey("other", "-t", "ed25519");
  await run("ssh-add", ["-q", file], { env: inAgent(socket) });
  for (const source of [{ socket }, { paths: [socket] }, { keys: [file] }]) {
    const agent = inAgent(await forwarded(source));
    await expect(run("ssh-add", ["-q", other], { env: agent })).rejects.toThrow();
    await expect(run("ssh-add", ["-D"], { env: agent })).rejects.toThrow();
    await expect(run("ssh-add", ["-d", file], { env: agent })).rejects.toThrow();
    expect((await run("ssh-add", ["-L"], { env: agent })).stdout.trim()).toContain(
      (await readFile(`${file}.pub`, "utf8")).split(" ")[1],
    );
  }
  expect((await run("ssh-add", ["-l"], { env: inAgent(socket) })).stdout.trim().split("\n")).toHaveLength(1);
});

test("a key of ssh-keygen with a passphrase is refused with a hint", async () => {
  const file = await newKey("locked", "-t", "ed25519");
  await run("ssh-keygen", ["-q", "-p", "-P", "", "-N", "open sesame", "-f", file], { env: tools });
  await expect(createSshAgents({ default: { keys: [file] } })).rejects.toMatchObject({
    code: "option_invalid",
    hint: expect.stringContaining("ssh-add"),
  });
});
