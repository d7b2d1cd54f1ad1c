import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseManifest } from "../index.js";
import { galleyJsonSchema, keysAt, type SchemaPart } from "./json-schema.js";
import { galleyReference } from "./reference.js";

const schemaFile = new URL("../../../docs/galley.schema.json", import.meta.url);
const page = new URL("../../../docs/galley-yml.md", import.meta.url);

test("the schema for editors is the one that files are read with", () => {
  const text = `${JSON.stringify(galleyJsonSchema(), null, 2)}\n`;
  if (process.env.UPDATE_DOCS) writeFileSync(schemaFile, text);
  expect(readFileSync(schemaFile, "utf8")).toBe(text);
});

test("the tables of the page are what the schema says", () => {
  const before = readFileSync(page, "utf8");
  const [start, end] = ["<!-- keys: written by a test -->\n", "\n<!-- end of keys -->"];
  expect(before).toContain(start);
  const text = `${before.slice(0, before.indexOf(start))}${start}\n${galleyReference()}\n${before.slice(before.indexOf(end))}`;
  if (process.env.UPDATE_DOCS) writeFileSync(page, text);
  expect(readFileSync(page, "utf8")).toBe(text);
});

test("every key of the file has a description, but those that say all by their names", () => {
  const without: string[] = [];
  const visit = (part: SchemaPart, path: string) => {
    for (const [key, inner] of Object.entries(part.properties ?? {})) {
      if (!inner.description) without.push(`${path}.${key}`);
      visit(inner, `${path}.${key}`);
    }
    for (const inner of [part.additionalProperties, part.items, ...(part.anyOf ?? [])])
      if (inner) visit(inner, path);
  };
  visit(galleyJsonSchema(), "");
  expect([...new Set(without)]).toEqual([".services.depends_on.condition", ".services.volumes.read_only"]);
});

test("the manifests that the page shows are valid", () => {
  const shown = [...readFileSync(page, "utf8").matchAll(/```yaml\n(version: 1\n.*?)```/gs)];
  expect(shown.length).toBeGreaterThan(0);
  for (const [, text = ""] of shown) expect(parseManifest(text).warnings).toEqual([]);
});

test("the keys that are accepted somewhere are found in the schema", () => {
  expect(keysAt([])).toEqual(["version", "services", "on_create", "on_deploy"]);
  expect(keysAt(["services", "web", "health"])).toEqual(["path", "status", "timeout"]);
  expect(keysAt(["on_deploy", 0])).toEqual(["service", "command", "timeout"]);
  expect(keysAt(["services", "web", "nothing"])).toEqual([]);
});
