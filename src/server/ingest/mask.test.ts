import { expect, test } from "vitest";
import { maskSecrets } from "./mask.js";

test("secrets are masked in every text, however deep, and names of fields stay", () => {
  const mask = maskSecrets(["s3cret-value", "hunter22"]);
  expect(
    mask({ hunter22: "is hunter22!", lines: [{ text: "a s3cret-value b s3cret-value" }], n: 7, none: null }),
  ).toEqual({ hunter22: "is ***!", lines: [{ text: "a *** b ***" }], n: 7, none: null });
});

test("of a secret that contains another one nothing is left", () => {
  expect(maskSecrets(["abcd", "abcdefgh"])("x abcdefgh y abcd")).toBe("x *** y ***");
});

test("a secret of several lines is found line by line", () => {
  const key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\r\n-----END KEY-----\n";
  expect(maskSecrets([key])("got MIIEowIBAAKCAQEA")).toBe("got ***");
  expect(maskSecrets([key])(key)).toBe("***");
});

test("what is too short to be told from ordinary words stays", () => {
  expect(maskSecrets(["abc", ""])("abc")).toBe("abc");
});

test("what has the form of a replacement pattern is taken literally", () => {
  expect(maskSecrets(["a$&.*b"])("x a$&.*b")).toBe("x ***");
});

test("a secret that is an ordinary word does not change what an event is", () => {
  const event = { type: "step.log", state: "done", lines: [{ stream: "stdout", text: "done at last" }] };
  expect(maskSecrets(["done", "step", "stdout"])(event)).toEqual({
    ...event,
    lines: [{ stream: "stdout", text: "*** at last" }],
  });
});
