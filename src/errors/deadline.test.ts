import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { abortAfter, withDeadline } from "./index.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("A deadline comes, also when garbage is collected meanwhile.", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Nothing but the combined signal is held, as by who waits.
  const limited = withDeadline(new AbortController().signal, 100);
  let over = false;
  limited.addEventListener("abort", () => {
    over = true;
  });
  const collected = () => {
    collect();
    return over;
  };
  await expect.poll(collected).toBe(true);
  expect(limited.reason).toMatchObject({ name: "TimeoutError" });
});

test("Without another signal there is the deadline alone, and one that was given before ends it at once.", async () => {
  expect(withDeadline(undefined, 10_000).aborted).toBe(false);
  expect(withDeadline(AbortSignal.abort("enough"), 10_000).reason).toBe("enough");
  const soon = abortAfter(1);
  await expect.poll(() => soon.aborted).toBe(true);
});

test("No room waits with AbortSignal.timeout, whose end Node 20 may forget.", () => {
  const files = ["src", "cache"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
  );
  const those = files.filter(
    (path) =>
      /\.ts$/.test(path) &&
      !/\.test\.ts$|^src\/dashboard\//.test(path) &&
      /AbortSignal\.timeout\(/.test(readFileSync(join(root, path), "utf8")),
  );
  expect(files.length).toBeGreaterThan(300);
  expect(those).toEqual([]);
});
