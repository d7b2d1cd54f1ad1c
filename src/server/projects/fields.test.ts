import { generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { credential, environment, projectName, registryHost, resources } from "./fields.js";

const taken = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

test.each(["a", "shop", "shop-2", `a${"b".repeat(39)}`])("a project may have the name %s", (name) => {
  expect(taken(projectName, name)).toBe(true);
});
test.each(["", "2shop", "Shop", "shop_2", "-a", "shop.x", "shop\n", `a${"b".repeat(40)}`])(
  "no project may have the name %j",
  (name) => {
    expect(taken(projectName, name)).toBe(false);
  },
);

test("variables have names that every shell takes, and values without a zero byte", () => {
  expect(taken(environment, { A_1: "x\ny", _b: "" })).toBe(true);
  for (const env of [
    { "1A": "" },
    { "A-B": "" },
    { "A=B": "" },
    { "": "" },
    { A: "\0" },
    { A: "x".repeat(65_537) },
    { A: 1 },
  ])
    expect(taken(environment, env)).toBe(false);
  const many = Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`A${n}`, ""]));
  expect(taken(environment, many)).toBe(false);
});

test("resources are a number of processors and an amount of memory above nothing", () => {
  expect(taken(resources, { cpus: 0.5, memory: "1.5g" })).toBe(true);
  expect(taken(resources, { memory: "512M" })).toBe(true);
  for (const bad of [
    { cpus: 0 },
    { cpus: -1 },
    { cpus: 2000 },
    { memory: "0" },
    { memory: "0.0g" },
    { memory: "lots" },
    { memory: "1t" },
    { disk: 1 },
  ])
    expect(taken(resources, bad)).toBe(false);
});

test("a registry is named by its host and port", () => {
  for (const host of ["ghcr.io", "localhost:5000", "registry-1.docker.io"])
    expect(taken(registryHost, host)).toBe(true);
  for (const host of ["https://ghcr.io", "ghcr.io/acme", "GHCR.io", "-a", "a:b", "a:1:2"])
    expect(taken(registryHost, host)).toBe(false);
});

describe("a credential", () => {
  test("may be a token of one line", () => {
    expect(credential.parse({ kind: "token", token: "hunter2" })).toEqual({
      kind: "token",
      username: "x-access-token",
      token: "hunter2",
    });
    for (const token of ["", "a\nb", "a\u0000b"])
      expect(taken(credential, { kind: "token", token })).toBe(false);
    expect(taken(credential, { kind: "token", username: "a\nb", token: "x" })).toBe(false);
  });

  test("may be a private key in PEM form, without a passphrase", () => {
    const open = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const closed = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    expect(taken(credential, { kind: "ssh", privateKey: open.privateKey })).toBe(true);
    expect(taken(credential, { kind: "ssh", privateKey: closed.privateKey })).toBe(false);
    expect(taken(credential, { kind: "ssh", privateKey: open.publicKey })).toBe(false);
  });

  test("may be a private key in OpenSSH's own form, without a passphrase", () => {
    // PROTOCOL.key: the magic, then the cipher's name as a string.
    const key = (cipher: string) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(cipher.length);
      const body = Buffer.concat([
        Buffer.from("openssh-key-v1\0"),
        length,
        Buffer.from(cipher),
        randomBytes(200),
      ]);
      const lines = body.toString("base64").match(/.{1,70}/g) ?? [];
      const frame = (edge: string) => `-----${edge} OPENSSH PRIVATE KEY-----`;
      return `${frame("BEGIN")}\n${lines.join("\n")}\n${frame("END")}\n`;
    };
    expect(taken(credential, { kind: "ssh", privateKey: key("none") })).toBe(true);
    const refused = credential.safeParse({ kind: "ssh", privateKey: key("aes256-ctr") });
    expect(refused.error?.issues[0]?.message).toBe("must not have a passphrase");
  });
});
