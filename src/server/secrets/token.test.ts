import { expect, test } from "vitest";
import { newToken, tokenHash } from "./token.js";

test("a token is its prefix and 43 characters that need no escaping anywhere, and never the same", () => {
  const tokens = Array.from({ length: 200 }, () => newToken("galley_pat_"));
  for (const token of tokens) expect(token).toMatch(/^galley_pat_[0-9A-Za-z]{43}$/);
  expect(new Set(tokens).size).toBe(200);
});

test("what is kept of a token is its SHA-256", () => {
  expect(tokenHash("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
