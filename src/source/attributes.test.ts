import { expect, test } from "vitest";
import { Attributes } from "./attributes.js";

function reason(content: string, path: string): string | undefined {
  const attributes = new Attributes();
  attributes.add("", content);
  return attributes.conversion(path) && "concerned";
}

test.each([
  ["*.bin filter=lfs", ["a.bin", "d/e/a.bin"], ["a.binx", "bin"]],
  ["/a.bin filter=lfs", ["a.bin"], ["d/a.bin"]],
  ["d/*.bin filter=lfs", ["d/a.bin"], ["a.bin", "d/e/a.bin", "x/d/a.bin"]],
  ["d/** filter=lfs", ["d/a", "d/e/f"], ["d", "e/d/a"]],
  ["**/d/a filter=lfs", ["d/a", "x/y/d/a"], ["xd/a"]],
  ["a/**/b filter=lfs", ["a/b", "a/x/y/b"], ["a/xb"]],
  ["d/ filter=lfs", [], ["d", "d/a"]],
  ["[ab]?.x filter=lfs", ["a1.x", "d/b2.x"], ["c1.x", "a/.x"]],
  ["[!a].x filter=lfs", ["b.x"], ["a.x"]],
  ['"with space.x" filter=lfs', ["with space.x"], ["with"]],
  ["a.b filter=lfs", ["a.b"], ["axb"]],
  ["# *.bin filter=lfs", [], ["a.bin", "# a.bin"]],
  ["*.x filter=lfs\n*.x -filter", [], ["a.x"]],
  ["*.x filter=lfs\nkeep.x !filter", ["a.x"], ["keep.x"]],
  ["[attr]big filter=lfs -text\n*.x big", ["a.x"], ["big"]],
  ["*.x eol=crlf", ["a.x"], ["a.y"]],
  ["*.x eol=crlf\n*.x binary", [], ["a.x"]],
  ["*.x text eol=lf", [], ["a.x"]],
  ["* text=auto", [], ["a.x"]],
  ["*.x ident", ["a.x"], []],
  ["*.x working-tree-encoding=UTF-16", ["a.x"], []],
  ["*.x working-tree-encoding=UTF-8", [], ["a.x"]],
  ["*.x filter=lfs\r\n", ["a.x"], []],
])("%j concerns %j and not %j", (content, concerned, others) => {
  for (const path of concerned) expect(reason(content, path), path).toBeDefined();
  for (const path of others) expect(reason(content, path), path).toBeUndefined();
});

test("rules of a directory hold below it, and win over those above", () => {
  const attributes = new Attributes();
  attributes.add("", "*.x filter=lfs\n");
  attributes.add("d/", "*.x -filter\n/a.y filter=other\n");
  expect(attributes.conversion("a.x")?.filter).toBe("lfs");
  expect(attributes.conversion("d/a.x")).toBeUndefined();
  expect(attributes.conversion("d/a.y")?.filter).toBe("other");
  expect(attributes.conversion("a.y")).toBeUndefined();
});

test("a pattern made to take long is taken to match", () => {
  expect(reason(`${"*a".repeat(30)}b filter=lfs`, "a".repeat(200))).toBeDefined();
});
