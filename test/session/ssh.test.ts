// ssh agents and private keys of the client in steps of a build.
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSshAgents } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { build, dialKinds, nonce } from "./session-build.js";

let directory = "";
const servers: Server[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ssh-engine-"));
});
afterAll(async () => {
  for (const server of servers) server.close();
  await rm(directory, { recursive: true });
});

/** A program for a step: asks the agent for its first key, has "hello" signed by it, tries to remove all keys. */
const askAgent = `
const net = require("net");
const socket = net.connect(process.env.SSH_AUTH_SOCK);
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const str = (b) => Buffer.concat([u32(b.length), b]);
const ask = (body) => new Promise((resolve) => {
  let got = Buffer.alloc(0);
  const more = (chunk) => {
    got = Buffer.concat([got, chunk]);
    if (got.length < 4 || got.length < 4 + got.readUInt32BE(0)) return;
    socket.off("data", more);
    resolve(got.subarray(4));
  };
  socket.on("data", more);
  socket.write(str(body));
});
(async () => {
  const list = await ask(Buffer.of(11));
  const blob = list.subarray(9, 9 + list.readUInt32BE(5));
  console.log("KEYS " + list.readUInt32BE(1) + " BLOB " + blob.toString("base64"));
  const signed = await ask(Buffer.concat([Buffer.of(13), str(blob), str(Buffer.from("hello")), u32(0)]));
  console.log("SIGNED " + signed.subarray(-64).toString("base64"));
  console.log("REMOVE " + (await ask(Buffer.of(19)))[0]);
  socket.end();
})();
`;
const asking = Buffer.from(askAgent).toString("base64");

onEachEngine((engine) => {
  describe.each(dialKinds)("over %s", (dial) => {
    test("a step signs with a private key that stays with the client", async () => {
      const { privateKey } = generateKeyPairSync("ed25519");
      const key = join(directory, `key-${engine.name}-${dial}`);
      await writeFile(key, privateKey.export({ type: "pkcs8", format: "pem" }));
      const services = [await createSshAgents({ default: { keys: [key] } })];
      const { error, log } = await build(
        engine,
        `FROM node:22\nRUN --mount=type=ssh,required=true echo ${nonce()}; echo ${asking} | base64 -d > /ask.js && node /ask.js\n`,
        { dial, services },
      );
      expect(error).toBeUndefined();
      const x = Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url");
      expect(/KEYS 1 BLOB (\S+)/.exec(log)?.[1]).toMatch(x.subarray(-9).toString("base64"));
      const signature = Buffer.from(/SIGNED (\S+)/.exec(log)?.[1] ?? "", "base64");
      expect(verify(null, Buffer.from("hello"), createPublicKey(privateKey), signature)).toBe(true);
      expect(log).toContain("REMOVE 5");
    });
  });

  test("several connections of one step reach the socket behind their id", async () => {
    const path = join(directory, `raw-${engine.name}`);
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    servers.push(server);
    await once(server.listen(path), "listening");
    const services = [await createSshAgents({ db: { socket: path, raw: true } })];
    const echo = `const s=require("net").connect(process.env.SSH_AUTH_SOCK);let n=0;s.on("data",(c)=>{n+=c.length;if(n===300000){console.log("ECHOED",n);s.end()}});s.write(Buffer.alloc(300000))`;
    const { error, log } = await build(
      engine,
      `FROM node:22\nRUN --mount=type=ssh,id=db,required=true echo ${nonce()}; for i in 1 2 3; do node -e '${echo}' & done; wait\n`,
      { services },
    );
    expect(error).toBeUndefined();
    expect(log.match(/ECHOED 300000/g)).toHaveLength(3);
  });

  test("an agent that was not forwarded fails the step that requires it, and no other", async () => {
    const services = [await createSshAgents({ other: { keys: [] } })];
    const required = await build(
      engine,
      `FROM busybox\nRUN --mount=type=ssh,required=true echo ${nonce()}\n`,
      { services },
    );
    expect(required.error).toMatchObject({ code: "ssh_agent_missing" });
    const without = await build(engine, `FROM busybox\nRUN --mount=type=ssh,required=true echo ${nonce()}\n`);
    expect(without.error).toMatchObject({ code: "ssh_agent_missing" });
    const optional = await build(
      engine,
      `FROM busybox\nRUN --mount=type=ssh echo ${nonce()}; test ! -e "$SSH_AUTH_SOCK"\n`,
      {
        services,
      },
    );
    expect(optional.error).toBeUndefined();
  });
});
