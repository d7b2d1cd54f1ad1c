import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Opened } from "./opened.js";
import { serveSwitches } from "./switch-server.js";
import { Switches } from "./switches.js";

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

const id = (digit: string) => digit.repeat(64);
const [old, next] = [id("1"), id("2")];

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "galley-ingress-"));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "ingress.sock");
}

/** What has routes, and what a promise has come to so far. */
function switches(...routed: string[]) {
  const leading = new Set(routed);
  const one = new Switches((container) => leading.has(container));
  const route = (container: string) => {
    leading.add(container);
    one.look();
  };
  return { one, route };
}
async function soFar<T>(promise: Promise<T>): Promise<T | "waiting"> {
  return await Promise.race([promise, new Promise<"waiting">((resolve) => setImmediate(resolve, "waiting"))]);
}

test("requests have moved when the new container has its routes and the old one has answered all that it was sent", async () => {
  const { one, route } = switches(old);
  const [first, second] = [one.begin(old), one.begin(old)];
  const moved = one.moved({ to: [next], from: [old] }, new AbortController().signal);
  expect(await soFar(moved)).toBe("waiting");
  route(next);
  expect(await soFar(moved)).toBe("waiting");
  first();
  expect(await soFar(moved)).toBe("waiting");
  second();
  expect(await moved).toBe(true);
});

test("what others answer keeps nobody waiting, and without an old one the routes are enough", async () => {
  const { one } = switches(next);
  one.begin(next);
  one.begin(id("3"));
  const { signal } = new AbortController();
  expect(await one.moved({ to: [next], from: [old] }, signal)).toBe(true);
  expect(await one.moved({ to: [next], from: [] }, signal)).toBe(true);
});

test("who waits is let go with the signal, and there is a limit to how many do", async () => {
  const { one } = switches();
  const over = new AbortController();
  const change = { to: [next], from: [] };
  const waiting = Array.from({ length: 1_000 }, () => one.moved(change, over.signal));
  expect(await soFar(waiting[999]!)).toBe("waiting");
  expect(await one.moved(change, new AbortController().signal)).toBe(false);
  over.abort();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([false]));
});

const opened = new Opened();

const ask = async (path: string, target: string, method = "GET") => {
  const asked = request({ socketPath: path, path: target, method, agent: false });
  asked.end();
  const [response] = await once(asked, "response");
  response.resume();
  return response.statusCode as number;
};

test("the socket answers when it is so, refuses what is no question, and is closed with the ingress", async () => {
  const path = socketPath();
  const { one, route } = switches();
  const over = new AbortController();
  const server = await serveSwitches({ switches: one, opened }, path, over.signal);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const moved = ask(path, `/moved?to=${next}&from=${old}`);
  await expect.poll(() => [opened.has(next), opened.has(old)]).toEqual([true, false]);
  for (const target of ["/", "/moved?to=web", "//", `/moved?to=${Array(201).fill(next).join(",")}`])
    expect(await ask(path, target), target.slice(0, 20)).toBe(400);
  expect(await ask(path, `/moved?to=${next}`, "POST")).toBe(405);
  route(next);
  expect(await moved).toBe(204);
  const held = ask(path, `/moved?to=${id("4")}`).catch(() => "cut off");
  await ask(path, "/");
  over.abort();
  expect([503, "cut off"]).toContain(await held);
  await server.close();
  expect(existsSync(path)).toBe(false);
});

test("a socket that a killed ingress has left is taken over, one that somebody answers at is not", async () => {
  const path = socketPath();
  const taken = createServer().listen(path);
  await once(taken, "listening");
  const { one } = switches(next);
  const { signal } = new AbortController();
  await expect(serveSwitches({ switches: one, opened }, path, signal)).rejects.toMatchObject({
    code: "port_in_use",
  });
  taken.close();
  await once(taken, "close");
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script]);
  expect(existsSync(path)).toBe(true);
  const server = await serveSwitches({ switches: one, opened }, path, signal);
  expect(await ask(path, `/moved?to=${next}`)).toBe(204);
  await server.close();
});
