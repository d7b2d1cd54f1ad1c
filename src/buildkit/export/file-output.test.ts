import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openFileOutput } from "./file-output.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-file-"));
});
afterEach(() => rm(directory, { recursive: true }));

test("The name appears with the whole content when the stream ends, and nothing else is left.", async () => {
  const path = join(directory, "deep", "out.tar");
  const stream = await openFileOutput(path);
  for (let count = 0; count < 3000; count++) stream.write(Buffer.from(`${count},`));
  expect(await readdir(join(directory, "deep"))).not.toContain("out.tar");
  stream.end("end");
  await finished(stream);
  expect(await readFile(path, "utf8")).toBe(
    `${Array.from({ length: 3000 }, (_, count) => `${count},`).join("")}end`,
  );
  expect(await readdir(join(directory, "deep"))).toEqual(["out.tar"]);
});

test("A destroyed stream leaves the old file as it was.", async () => {
  const path = join(directory, "out.tar");
  await writeFile(path, "old");
  const stream = await openFileOutput(path);
  stream.write(Buffer.alloc(1_000_000));
  stream.destroy();
  await once(stream, "close");
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(directory)).toEqual(["out.tar"]);
});

test("A link stays a link and its target gets the content.", async () => {
  await writeFile(join(directory, "target"), "old");
  await symlink("target", join(directory, "link"));
  const stream = await openFileOutput(join(directory, "link"));
  stream.end("new");
  await finished(stream);
  expect((await lstat(join(directory, "link"))).isSymbolicLink()).toBe(true);
  expect(await readFile(join(directory, "target"), "utf8")).toBe("new");
});

test("A pipe is written straight and not replaced.", async () => {
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const reading = readFile(pipe, "utf8");
  const stream = await openFileOutput(pipe);
  stream.end("through");
  await finished(stream);
  expect(await reading).toBe("through");
  expect((await lstat(pipe)).isFIFO()).toBe(true);
});

test("A long name is no obstacle.", async () => {
  const path = join(directory, `${"n".repeat(250)}.tar`);
  const stream = await openFileOutput(path);
  stream.end("x");
  await finished(stream);
  expect(await readFile(path, "utf8")).toBe("x");
});
