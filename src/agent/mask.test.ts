import { expect, test } from "vitest";
import { createMask } from "./mask.js";

test("secrets are masked in every text of a value, which itself stays as it was", () => {
  const mask = createMask(["hunter2-hunter2"]);
  const event = { type: "step.log", lines: [{ text: "pw=hunter2-hunter2!", n: 1 }], none: null };
  expect(mask(event)).toEqual({ type: "step.log", lines: [{ text: "pw=***!", n: 1 }], none: null });
  expect(event.lines[0]?.text).toBe("pw=hunter2-hunter2!");
});

test("the same secret as base64, in a URL, or a line of it alone is masked as well", () => {
  const key = "-----BEGIN KEY-----\nfirst-line-of-it\nsecond-line-of-it\n-----END KEY-----";
  const mask = createMask(["p@ss/word", key]);
  expect(mask(`https://u:${encodeURIComponent("p@ss/word")}@host`)).toBe("https://u:***@host");
  expect(mask(`auth ${Buffer.from("p@ss/word").toString("base64")}`)).toMatch(/^auth \*\*\*=*$/);
  expect(mask("it says second-line-of-it here")).toBe("it says *** here");
  expect(mask(key)).toBe("***");
});

test("of two secrets that contain each other nothing is left, and characters with a meaning mean themselves", () => {
  expect(createMask(["secret", "secret-longer"])("a secret-longer b secret")).toBe("a *** b ***");
  expect(createMask(["a.c*e$"])("abcde a.c*e$")).toBe("abcde ***");
});

test("what is too short to be a secret blackens nothing", () => {
  expect(createMask(["a", "", "12", "  "])("a 12 b")).toBe("a 12 b");
});
