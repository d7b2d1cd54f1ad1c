import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { connectDocker, engineFacts, inspectImage } from "./index.js";
import { within } from "./within.js";

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const clean of cleanUp.splice(0)) await clean();
});

/** An engine that answers every request in the same way. */
async function listening(status: number, body: unknown, at?: string) {
  const server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) =>
    at ? server.listen(at, resolve) : server.listen(0, "127.0.0.1", resolve),
  );
  cleanUp.push(() => new Promise((resolve) => server.close(resolve)));
  return server;
}
const soon = () => AbortSignal.timeout(10_000);

test("The address wins over DOCKER_HOST and its companions.", async () => {
  const folder = await mkdtemp(join(tmpdir(), "galley-docker-"));
  cleanUp.push(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, "docker.sock");
  await listening(200, { Id: "over the socket", RepoTags: null, Config: null }, socketPath);
  vi.stubEnv("DOCKER_HOST", "tcp://192.0.2.1:2376");
  vi.stubEnv("DOCKER_TLS_VERIFY", "1");
  vi.stubEnv("DOCKER_PATH_PREFIX", "/elsewhere");
  expect(await inspectImage(await connectDocker({ socketPath }), "x", soon())).toMatchObject({
    id: "over the socket",
  });

  const tcp = await listening(200, { Id: "over tcp" });
  vi.stubEnv("DOCKER_HOST", "unix:///nowhere.sock");
  const { port } = tcp.address() as AddressInfo;
  expect(await inspectImage(await connectDocker({ host: "127.0.0.1", port }), "x", soon())).toMatchObject({
    id: "over tcp",
  });
});

test("An engine that is not there, and one that says no, are told apart.", async () => {
  const docker = await connectDocker({ socketPath: "/nowhere/docker.sock" });
  await expect(inspectImage(docker, "x", soon())).rejects.toMatchObject({
    code: "engine_unreachable",
    hint: expect.stringContaining("DOCKER_HOST"),
  });
  const failing = await listening(500, { message: "the disk is on fire" });
  const { port } = failing.address() as AddressInfo;
  const broken = await connectDocker({ host: "127.0.0.1", port });
  await expect(engineFacts(broken, soon())).rejects.toMatchObject({
    code: "engine_error",
    message: expect.stringContaining("the disk is on fire"),
  });
});

test("A call that is never answered ends at its deadline and with the signal.", async () => {
  const never = () => new Promise<never>(() => {});
  await expect(within(soon(), never, 5)).rejects.toMatchObject({ code: "engine_unreachable" });
  const reason = new Error("enough");
  await expect(within(AbortSignal.abort(reason), never)).rejects.toBe(reason);
  expect(await within(soon(), async () => 5)).toBe(5);
});
