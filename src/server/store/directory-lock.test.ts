import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { lockDirectory } from "./directory-lock.js";

const root = mkdtempSync(join(tmpdir(), "galley-lock-"));
afterAll(() => rmSync(root, { recursive: true }));

test("a directory is held by one alone, and free again when released", async () => {
  const directory = join(root, "db");
  const release = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "database_busy" });
  await release();
  await (await lockDirectory(directory))();
});

test("a directory with a long path is held, too", async () => {
  const directory = join(root, "d".repeat(120));
  const release = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "database_busy" });
  await release();
});

/** A process of its own that holds a directory, as only a process can be killed. */
async function holderOf(directory: string) {
  const program = "require('node:net').createServer().listen(process.argv[1], () => console.log('held'))";
  const holder = spawn(process.execPath, ["-e", program, `${directory}.lock`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(holder.stdout, "data");
  return {
    async kill() {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    },
  };
}

test("of two that find the lock of a killed one, one gets it", async () => {
  const directory = join(root, "two");
  const holder = await holderOf(directory);
  await holder.kill();
  const tries = await Promise.allSettled([lockDirectory(directory), lockDirectory(directory)]);
  expect(tries.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "database_busy" });
  for (const tried of tries) if (tried.status === "fulfilled") await tried.value();
});

test("a holder that was killed holds nothing", async () => {
  const directory = join(root, "killed");
  const holder = await holderOf(directory);
  await expect(lockDirectory(directory)).rejects.toMatchObject({ code: "database_busy" });
  await holder.kill();
  await (await lockDirectory(directory))();
});

test("one that can be written nowhere says so", async () => {
  await expect(lockDirectory("/proc/galley/db")).rejects.toMatchObject({ code: "database_unreachable" });
});
