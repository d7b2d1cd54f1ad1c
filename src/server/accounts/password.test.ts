import { expect, test } from "vitest";
import { createPasswords } from "./password.js";

const passwords = createPasswords();

test("a password matches its hash in either form of Unicode, another does not", async () => {
  const hash = await passwords.hash("pässword");
  expect(hash).toMatch(/^scrypt\$32768\$8\$3\$[\w-]{22}\$[\w-]{43}$/);
  expect(await passwords.matches("pässword".normalize("NFD"), hash)).toBe(true);
  expect(await passwords.matches("password", hash)).toBe(false);
  expect(await passwords.hash("pässword")).not.toBe(hash);
});

test("nothing matches a user who is not there", async () => {
  expect(await passwords.matches("", undefined)).toBe(false);
});

test("a hash that was made at another cost is still checked at that cost", async () => {
  // RFC 7914, section 12, second test vector.
  const key = Buffer.from(
    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    "hex",
  );
  const stored = `scrypt$1024$8$16$${Buffer.from("NaCl").toString("base64url")}$${key.toString("base64url")}`;
  expect(await passwords.matches("password", stored)).toBe(true);
  expect(await passwords.matches("Password", stored)).toBe(false);
});
