import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { GalleyError } from "../../errors/index.js";
import { type Child, startChild } from "./child.js";
import { freePort, untilFree } from "./ports.js";

let folder: string;
const children: Child[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "galley-ports-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.stop(1_000);
  rmSync(folder, { recursive: true });
});

/** Listens on the port that it is given, as the parts of a Galley do, and says so. */
const program = `
require("node:net").createServer().listen(Number(process.argv[2]), "127.0.0.1", () => console.log("it listens"));
`;
const patience = 30_000;
const signal = new AbortController().signal;
function listener(port: number): Child {
  const script = join(folder, "listen.cjs");
  writeFileSync(script, program);
  const child = startChild({
    name: "the listener",
    command: process.execPath,
    args: [script, String(port)],
    env: process.env,
    logFile: join(folder, "listener.log"),
  });
  children.push(child);
  return child;
}
const ready = (child: Child) => child.ready("it listens", async () => true, patience, signal);
/** A port that another program answers at, until the end of `work`. */
async function taken(work: (port: number) => Promise<void>): Promise<void> {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  try {
    await work((other.address() as AddressInfo).port);
  } finally {
    other.close();
  }
}

test("a part that another program has taken the port from is not taken for ready because that one answers", async () => {
  await taken(async (port) => {
    await expect(ready(listener(port))).rejects.toMatchObject({
      code: "port_in_use",
      message: expect.stringContaining("EADDRINUSE"),
    });
  });
});

test("what was started on a port that was taken meanwhile is started again on another", async () => {
  await taken(async (port) => {
    const tried: number[] = [];
    const started = await untilFree(async () => {
      // The first time it was free a moment ago.
      const next = tried.length === 0 ? port : await freePort(port);
      tried.push(next);
      await ready(listener(next));
      return next;
    });
    expect(tried).toHaveLength(2);
    expect(started).not.toBe(port);
  });
});

test("it is not tried for ever, and not again after another failure", async () => {
  let tries = 0;
  const fails = (code: "port_in_use" | "internal") => async () => {
    tries += 1;
    throw new GalleyError(code, "no");
  };
  await expect(untilFree(fails("port_in_use"))).rejects.toMatchObject({ code: "port_in_use" });
  expect(tries).toBe(5);
  tries = 0;
  await expect(untilFree(fails("internal"))).rejects.toMatchObject({ code: "internal" });
  expect(tries).toBe(1);
});

test.each([
  ["node", "Error: listen EADDRINUSE: address already in use 127.0.0.1:8000"],
  [
    "a nats-server",
    '[FTL] Error listening on port: 127.0.0.1:8002, "listen tcp 127.0.0.1:8002: bind: address already in use"',
  ],
  ["docker", "Bind for 127.0.0.1:8002 failed: port is already allocated."],
  ["the server", "error: Another program has the port 8001 of 127.0.0.1."],
  ["the ingress", "error: the ingress cannot listen: port 8000 of 127.0.0.1 is taken"],
])("the words of %s for a port that is taken are known", async (_, words) => {
  const script = join(folder, "fails.cjs");
  writeFileSync(script, `console.error(${JSON.stringify(words)}); process.exit(1);`);
  const logFile = join(folder, "fails.log");
  const child = startChild({
    name: "it",
    command: process.execPath,
    args: [script],
    env: process.env,
    logFile,
  });
  children.push(child);
  await expect(ready(child)).rejects.toMatchObject({ code: "port_in_use" });
});
