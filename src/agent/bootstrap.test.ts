import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { verifyAgentSignature } from "../bus/index.js";
import { bootstrap } from "./bootstrap.js";

const token = `galley_agt_${"a".repeat(32)}`;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const grant = (agent = "agt1") => ({
  v: 1,
  agent: { id: agent, name: "one" },
  jwt: "jwt-of-the-bus",
  expiresAt: new Date(Date.now() + 1000_000).toISOString(),
  renewAfter: new Date(Date.now() + 500_000).toISOString(),
});

interface Asked {
  readonly authorization: string | undefined;
  readonly body: Record<string, string>;
}

let dataDirectory: string;
let server: Server;
let url: string;
let asked: Asked[];
let answers: ((ask: Asked) => { status: number; body: unknown })[];

beforeEach(async () => {
  dataDirectory = mkdtempSync(join(tmpdir(), "galley-agent-"));
  asked = [];
  answers = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const ask = {
      authorization: request.headers.authorization,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    };
    asked.push(ask);
    const { status, body } = (answers.shift() ?? (() => ({ status: 200, body: grant() })))(ask);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  rmSync(dataDirectory, { recursive: true, force: true });
});

const start = (config: { token?: string; controlPlaneUrl?: string } = { token }) =>
  bootstrap({
    config: { controlPlaneUrl: url, dataDirectory, token: undefined, ...config },
    version: "0.1.0",
    signal: AbortSignal.timeout(15_000),
    log: quiet,
    baseMs: 1,
    random: () => 0,
  });
const refuse = (code: string) => () => ({
  status: 401,
  body: { code, message: `no: ${code}`, hint: "Ask anew." },
});
const file = () => join(dataDirectory, "agent", "credential.json");

test("a token is exchanged for a credential that only this user can read, and whose private key is not sent", async () => {
  const credential = await start();
  expect(credential).toMatchObject({ agent: { id: "agt1" }, jwt: "jwt-of-the-bus" });
  expect(asked).toHaveLength(1);
  expect(asked[0]?.authorization).toBe(`Bearer ${token}`);
  expect(asked[0]?.body).toEqual({ v: 1, publicKey: credential.publicKey, version: "0.1.0" });
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file(), "utf8")).not.toContain(token);
  expect(readdirSync(join(dataDirectory, "agent"))).toEqual(["credential.json"]);
});

test("a held credential is renewed with its own key, without the token", async () => {
  const first = await start();
  const second = await start();
  expect(second.publicKey).toBe(first.publicKey);
  const { agent, publicKey, at, signature } = asked[1]?.body ?? {};
  expect(asked[1]?.authorization).toBeUndefined();
  expect(verifyAgentSignature(publicKey!, `galley-renew\n${agent}\n${publicKey}\n${at}`, signature!)).toBe(
    true,
  );
  await start({});
  expect(asked).toHaveLength(3);
});

test("another token, another server or a damaged file ask for a new credential", async () => {
  const first = await start();
  const second = await start({ token: `galley_agt_${"b".repeat(32)}` });
  expect(second.publicKey).not.toBe(first.publicKey);
  writeFileSync(file(), readFileSync(file(), "utf8").slice(0, 50));
  const third = await start();
  expect(third.publicKey).not.toBe(first.publicKey);
  expect(asked.map(({ authorization }) => authorization !== undefined)).toEqual([true, true, true]);
});

test.each(["agent_token_unknown", "agent_token_expired", "agent_token_rotated", "agent_revoked"])(
  "a refusal with %s is final, in the server's own words",
  async (code) => {
    answers = [refuse(code)];
    await expect(start()).rejects.toMatchObject({ code, message: `no: ${code}`, hint: "Ask anew." });
    expect(asked).toHaveLength(1);
  },
);

test("a revoked agent does not fall back to what it holds", async () => {
  await start();
  answers = [refuse("agent_revoked")];
  await expect(start()).rejects.toMatchObject({ code: "agent_revoked" });
});

test("a server that is busy is asked again, a bounded number of times", async () => {
  const busy = () => ({ status: 503, body: {} });
  answers = [busy, () => ({ status: 429, body: { code: "rate_limited", message: "slowly" } })];
  await start();
  expect(asked).toHaveLength(3);
  rmSync(file());
  answers = Array(20).fill(busy);
  await expect(start()).rejects.toMatchObject({ code: "control_plane_unreachable" });
  expect(asked).toHaveLength(13);
});

test("what answers with something else is no server of ours", async () => {
  answers = Array(20).fill(() => ({ status: 200, body: { v: 2 } }));
  await expect(start()).rejects.toThrow("not a Galley server of this version");
});

test("while the server is away, a held credential serves as long as it is valid", async () => {
  const held = await start();
  answers = Array(20).fill(() => ({ status: 502, body: {} }));
  expect((await start()).jwt).toBe(held.jwt);
  const old = { ...held, expiresAt: new Date(0).toISOString() };
  writeFileSync(file(), JSON.stringify(old));
  answers = Array(20).fill(() => ({ status: 502, body: {} }));
  await expect(start()).rejects.toMatchObject({ code: "control_plane_unreachable" });
});

test("without token and credential it says where to get a token", async () => {
  await expect(start({})).rejects.toMatchObject({
    code: "config_invalid",
    hint: expect.stringContaining("galley agent new"),
  });
  expect(asked).toHaveLength(0);
});
