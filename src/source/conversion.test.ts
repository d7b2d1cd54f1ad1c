// What git itself writes to a work tree (`git cat-file --filters`) is what is expected.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { Attributes } from "./attributes.js";
import { knowsEncoding, toWorkTree } from "./conversion.js";
import { environment, git, repository, useRepository, write } from "./repository.testing.js";

useRepository();

function stored(content: Buffer): string {
  const args = ["hash-object", "-w", "--stdin", "--no-filters"];
  return execFileSync("git", args, { cwd: repository, env: environment, input: content }).toString().trim();
}

const text = "one\ntwo\n";
const mixed = "one\r\ntwo\nthree";
const idents = [
  "$Id$ $Id:$ $Id: $ $Id: abc $ $Id:abc$ $Id:  abc $",
  "$Id: a b $ $Id: a  $ $Id: x\n$ $Id: foo,v 1.2 bar $ $Identity$ $Id:a b$ $Id $",
  "$Id: a b $Id$ $$Id$$ $Id:x$Id$ $Id",
  "$Id:",
  "$Id: no end",
];

test.each<[string, (string | Buffer)[]]>([
  ["* text eol=crlf", [text, mixed, "", "\n", "\r\n", "\r", "a\rb\n"]],
  ["* eol=crlf", [text, mixed, Buffer.from([0, 10, 1])]],
  [
    "* text=auto eol=crlf",
    [text, mixed, "a\rb\n", "a\0b\n", `${"\x01".repeat(3)}${"a".repeat(200)}\n`, "\x01a\n", "a\n\x1a"],
  ],
  ["* text=auto", [text, mixed]],
  ["* -text eol=crlf", [text]],
  ["* crlf=input eol=crlf", [text]],
  ["* -crlf eol=crlf", [text]],
  ["* text=other -crlf eol=crlf", [text]],
  ["* text -crlf eol=crlf", [text]],
  ["* binary eol=crlf", [text]],
  ["* text eol=lf", [text, mixed]],
  ["* ident", [...idents, text]],
  ["* ident text eol=crlf", ["a\n$Id$\n"]],
  ["* text working-tree-encoding=UTF-16", ["hällo\n", "", Buffer.from([0xff, 0xfe, 0x61])]],
  ["* text eol=crlf working-tree-encoding=UTF-16LE", ["a\nb\n"]],
  ["* text working-tree-encoding=UTF-16BE", ["a𝄞\n"]],
  ["* text working-tree-encoding=utf-16le-bom", ["a\n"]],
  ["* text working-tree-encoding=UTF-16BE-BOM", ["a\n"]],
  ["* text working-tree-encoding=UTF-32", ["a𝄞\n"]],
  ["* text working-tree-encoding=UTF-32LE", ["a𝄞\n"]],
  ["* text working-tree-encoding=UTF-32BE", ["a𝄞\n"]],
])("%j is applied as git applies it", (rule, contents) => {
  write(".gitattributes", `${rule}\n`);
  const attributes = new Attributes();
  attributes.add("", `${rule}\n`);
  const conversion = attributes.conversion("f");
  for (const content of contents) {
    const blob = Buffer.from(content);
    const id = stored(blob);
    git("update-index", "--add", "--cacheinfo", `100644,${id},f`);
    const written = execFileSync("git", ["cat-file", "--filters", "--path=f", id], {
      cwd: repository,
      env: environment,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const ours = conversion === undefined ? blob : toWorkTree(blob, id, conversion);
    expect(ours.toString("latin1"), JSON.stringify(content)).toBe(written.toString("latin1"));
  }
});

test("an encoding that Node cannot write is said to be unknown", () => {
  expect(knowsEncoding("UTF-16")).toBe(true);
  expect(knowsEncoding("SHIFT-JIS")).toBe(false);
});
