// What the documents tell to type in a clone of the repository is typed in a fresh one: HEAD and what is not committed yet, so that a change is
// tested before it is one.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { labDirectory } from "../lab/scripts.js";
import { labEngines } from "../support/engines.js";
import { inFreshClone } from "./fresh-clone-lines.js";
import { openShell, type Shell } from "./shell.js";
import { root } from "./typed-lines.js";

const git = (...args: string[]) => execFileSync("git", args, { cwd: root, encoding: "utf8" });
const listed = (...args: string[]) =>
  git(...args, "-z")
    .split("\0")
    .filter(Boolean);

/** Of the engines that this run shares with what is typed: their processes, and whether the end of a run of tests stops them. */
const daemons = () =>
  labEngines().map(({ name }) => {
    const of = (file: string) => join(labDirectory(), name, file);
    return [
      name,
      existsSync(of("docker.pid")) && readFileSync(of("docker.pid"), "utf8"),
      existsSync(of("by-tests")),
    ];
  });

/** A clone that is removed when the test has ended; each try begins with its own. */
function freshClone(): { clone: string; shell: Shell } {
  const folder = mkdtempSync(join(tmpdir(), "galley-clone-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clone = join(folder, "galley");
  git("clone", "--quiet", root, clone);
  for (const path of [
    ...listed("diff", "--name-only", "HEAD"),
    ...listed("ls-files", "--others", "--exclude-standard"),
  ]) {
    if (!existsSync(join(root, path))) rmSync(join(clone, path), { force: true });
    else {
      mkdirSync(dirname(join(clone, path)), { recursive: true });
      copyFileSync(join(root, path), join(clone, path));
    }
  }
  const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
  return { clone, shell: openShell(folder, engine) };
}

test("what is typed in a fresh clone does what it says, and leaves the engines of who else uses them running", {
  timeout: 1_500_000,
}, async () => {
  const { clone, shell } = freshClone();
  const running = daemons();
  const installed = join(clone, "node_modules/installed-once");
  for (const [line, { as = [], before, prints }] of Object.entries(inFreshClone)) {
    before?.(clone);
    const typed = as.reduce((text, [from, to]) => text.replaceAll(from, to), line);
    const printed = await shell.type(typed, { cwd: clone });
    prints?.(printed, clone);
    // Whoever has typed `npm ci` does not wait for it again.
    if (line.startsWith("npm ci")) writeFileSync(installed, "");
    expect(existsSync(installed), line).toBe(true);
  }
  expect(daemons()).toEqual(running);
});
