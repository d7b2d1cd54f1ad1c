import { expect, test } from "vitest";
import { parseManifest } from "../index.js";

function problemsOf(text: string | Uint8Array): string[] {
  try {
    parseManifest(text);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  throw new Error("nothing was thrown");
}

const valid = "version: 1\nservices: { web: { kind: web, image: a } }\n";

test("broken YAML is refused with its place", () => {
  expect(problemsOf("version: 1\nservices: [\n")).toEqual([
    "galley.yml:3:1: is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ]);
  expect(problemsOf('version: "1\n')).toEqual(['galley.yml:2:1: is no YAML: Missing closing "quote']);
});

test("duplicate keys are refused, each with its place", () => {
  expect(problemsOf("version: 1\nversion: 1\nservices: { a: { image: b }, 'a': { image: c } }")).toEqual([
    "galley.yml:2:1: the key version stands here a second time; accepted: each key once",
    "galley.yml:3:30: the key a stands here a second time; accepted: each key once",
  ]);
});

test("tabs are refused as indentation", () => {
  expect(problemsOf("version: 1\nservices:\n\tweb:\n\t\timage: a\n")).toContain(
    "galley.yml:3:1: is indented with a tab; accepted: blanks",
  );
});

test("an empty file, a list and a text are no manifest", () => {
  expect(problemsOf("")).toEqual([
    "galley.yml:1:1: found nothing; accepted: a map with version and services",
  ]);
  expect(problemsOf("# nothing\n")).toEqual([
    "galley.yml:1:1: found nothing; accepted: a map with version and services",
  ]);
  expect(problemsOf("- a")).toEqual([
    "galley.yml:1:1: found no map; accepted: a map with version and services",
  ]);
});

test("a second document, foreign tags and keys that are no words are refused", () => {
  expect(problemsOf(`${valid}---\n${valid}`)).toEqual([
    "galley.yml:3:1: a second document begins here; accepted: one document in a file",
  ]);
  expect(problemsOf("version: !!binary aGk=\n? [a]\n: b\n__proto__: { x: 1 }\n")).toEqual([
    "galley.yml:1:19: found the tag !!binary; accepted: plain values",
    "galley.yml:2:3: found a list or a map as a key; accepted: words",
    "galley.yml:4:1: found __proto__ as a key; accepted: words",
  ]);
});

test("anchors and merge keys are followed, keys of one's own win", () => {
  const { services } = parseManifest(
    [
      "version: 1",
      "services:",
      "  a: &base { kind: api, image: x, env: &env { A: 1, B: 2 } }",
      "  b: { <<: *base, image: y, env: { <<: [*env], B: 3 } }",
    ].join("\n"),
  );
  expect(services[1]).toMatchObject({ kind: "api", image: "y", env: { A: "1", B: "3" } });
  expect(problemsOf("version: 1\nservices: { a: { <<: 3, image: b } }")).toContain(
    "galley.yml:2:22: << takes the keys of a map, or of a list of maps",
  );
});

test("aliases that multiply are refused before they fill the memory", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 9; i++) {
    const [previous, next] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    bomb.push(`${next}: &${next} [${Array(9).fill(`*${previous}`).join(",")}]`);
  }
  expect(problemsOf(bomb.join("\n"))).toEqual([
    expect.stringMatching(
      /^galley\.yml:1:\d+: has more than 20000 values when its aliases are followed; accepted: fewer$/,
    ),
  ]);
  expect(problemsOf("a: &a [*a]")).toEqual(["galley.yml:1:8: *a contains itself"]);
  expect(problemsOf("a: *b")[0]).toMatch(/^galley\.yml:1:4: /);
});

test("what is nested too deeply is refused, in brackets, lists and maps alike", () => {
  const message = "is nested more than 50 levels deep";
  expect(problemsOf(`a: ${"[".repeat(120_000)}`)).toEqual([`galley.yml: ${message}`]);
  expect(problemsOf("- ".repeat(120_000))).toEqual([`galley.yml: ${message}`]);
  expect(problemsOf("? ".repeat(120_000))).toEqual([`galley.yml: ${message}`]);
  expect(problemsOf(`a: ${"[".repeat(60)}${"]".repeat(60)}`)).toEqual([`galley.yml:1:54: ${message}`]);
  const maps = Array.from({ length: 500 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n");
  expect(problemsOf(maps)).toEqual([expect.stringContaining(message)]);
});

test("a file that is too large, or no UTF-8 text, is not parsed", () => {
  expect(problemsOf(`# ${"x".repeat(256 * 1024)}`)).toEqual(["galley.yml: is larger than 256 KiB"]);
  expect(problemsOf(new Uint8Array([0x61, 0x3a, 0xff, 0xfe]))).toEqual([
    "galley.yml: is not UTF-8; accepted: UTF-8 text",
  ]);
  expect(problemsOf(Buffer.from("version: 1\nservices: \0\n"))).toEqual([
    "galley.yml:2: has the control character 0x00; accepted: text",
  ]);
  expect(parseManifest(Buffer.from(`\uFEFF${valid}`)).services).toHaveLength(1);
});

test("a thousand mistakes are told in fifty lines", () => {
  const keys = Array.from({ length: 1_000 }, (_, at) => `x${at}: 1`).join("\n");
  const problems = problemsOf(`${valid}${keys}`);
  expect(problems).toHaveLength(51);
  expect(problems.at(-1)).toBe("and 950 more");
});
