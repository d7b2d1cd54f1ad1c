import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  connectDocker,
  containerLog,
  type Docker,
  engineFacts,
  ensureNetwork,
  findContainers,
  findNetworks,
  inspectContainer,
  inspectImage,
  lastLogLines,
  pullImage,
  pushImage,
  removeContainer,
  removeNetwork,
  startContainer,
} from "../../src/docker/index.js";
import { forbiddenRegistry } from "../failure/registry-stand-in.js";
import { docker as cli, labName, labRegistry, onEachEngine, purgeImage } from "../support/engines.js";

const soon = () => AbortSignal.timeout(60_000);
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean();
});

onEachEngine((engine) => {
  let docker: Docker;
  beforeAll(async () => {
    docker = await connectDocker({ socketPath: engine.dockerHost.slice("unix://".length) });
  });

  /** A container of busybox on a network of its own; both go away after the test. */
  const started = async (command: readonly string[], publish: Record<number, number> = {}) => {
    const name = labName("docker");
    const labels = { "sh.galley.agent": name };
    const network = await ensureNetwork(docker, { name, labels }, soon());
    cleanUp.push(() => removeNetwork(docker, network, soon()));
    const spec = {
      name,
      image: "busybox",
      labels,
      env: { GREETING: "hello world" },
      command,
      network: name,
      aliases: ["web"],
      publish,
    };
    const id = await startContainer(docker, spec, soon());
    cleanUp.push(() => removeContainer(docker, id, soon()));
    return { id, name, labels, network, spec };
  };
  const end = async (id: string) => {
    await docker.getContainer(id).wait();
    return await inspectContainer(docker, id, soon());
  };

  test("The engine says what it is.", async () => {
    const facts = await engineFacts(docker, soon());
    expect(facts).toMatchObject({ os: "linux", store: engine.store });
    expect(Number.parseInt(facts.version, 10)).toBe(engine.version);
    expect(facts.apiVersion).toMatch(/^1\.\d+$/);
    expect(facts.rootDirectory).toContain(`/${engine.name}/`);
    expect(facts.memory).toBeGreaterThan(1e8);
    expect(facts.cpus).toBeGreaterThan(0);
  });

  test("A container is started with its environment, found by its labels, and removed.", async () => {
    const { id, name, labels } = await started([
      "sh",
      "-c",
      'echo "$GREETING"; echo oops >&2; exec sleep 300',
    ]);
    expect(await inspectContainer(docker, id, soon())).toMatchObject({ id, name, running: true, labels });
    expect((await findContainers(docker, labels, soon())).map((found) => found.id)).toEqual([id]);
    await removeContainer(docker, id, soon(), 1);
    expect(await inspectContainer(docker, id, soon())).toBeUndefined();
    await removeContainer(docker, id, soon());
    expect(await findContainers(docker, labels, soon())).toEqual([]);
  });

  test("Containers on one network reach each other by alias.", async () => {
    const { network, labels, spec } = await started([
      "sh",
      "-c",
      "echo served > /index.html; exec httpd -f -p 8080 -h /",
    ]);
    const name = labName("asks");
    const command = [
      "sh",
      "-c",
      "for i in $(seq 50); do wget -qO- http://web:8080/ && exit 0; sleep 0.1; done; exit 1",
    ];
    const asking = await startContainer(docker, { ...spec, name, command, aliases: [] }, soon());
    cleanUp.push(() => removeContainer(docker, asking, soon()));
    expect((await end(asking))?.exitCode).toBe(0);
    expect(await lastLogLines(docker, asking, 1, soon())).toEqual(["served"]);
    expect((await findNetworks(docker, labels, soon())).map(({ id }) => id)).toEqual([network]);
    expect(await ensureNetwork(docker, { name: spec.network, labels }, soon())).toBe(network);
  });

  test("A published port is told, and one that is taken is refused as such, without leaving a container.", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const { id, labels, spec } = await started(["sleep", "300"], { 8080: 0 });
    const state = await inspectContainer(docker, id, soon());
    expect(state?.published[8080]).toBeGreaterThan(0);
    const taken = { ...spec, name: labName("taken"), aliases: [], publish: { 8080: port } };
    await expect(startContainer(docker, taken, soon())).rejects.toMatchObject({
      code: "port_in_use",
      message: expect.stringContaining(String(port)),
    });
    expect((await findContainers(docker, labels, soon())).map((found) => found.id)).toEqual([id]);
  });

  test("Both streams of a log come back, and the last lines, also when a line is JSON.", async () => {
    const { id } = await started([
      "sh",
      "-c",
      'echo first; echo second >&2; echo "{\\"a\\":1}"; printf unended; exit 3',
    ]);
    expect(await end(id)).toMatchObject({ running: false, exitCode: 3, outOfMemory: false });
    const streams = { 1: "", 2: "" };
    for await (const { stream, data } of containerLog(docker, id, { signal: soon() }))
      streams[stream] += data.toString();
    expect(streams).toEqual({ 1: 'first\n{"a":1}\nunended', 2: "second\n" });
    // The engine reads the two streams side by side, so that only the order within one is certain.
    expect((await lastLogLines(docker, id, 9, soon())).sort()).toEqual([
      "first",
      "second",
      "unended",
      '{"a":1}',
    ]);
    expect((await lastLogLines(docker, id, 2, soon())).length).toBe(2);
    expect(await lastLogLines(docker, labName("none"), 2, soon())).toEqual([]);
  });

  test("A log is followed while the container runs, and let go with the signal.", async () => {
    const { id } = await started(["sh", "-c", "echo ready; exec sleep 300"]);
    const abort = new AbortController();
    const read = async () => {
      for await (const { data } of containerLog(docker, id, { signal: abort.signal, follow: true })) {
        expect(data.toString()).toBe("ready\n");
        abort.abort(new Error("seen"));
      }
    };
    await expect(read()).rejects.toThrow("seen");
  });

  test("What cannot be started says why: no such image, no such command.", async () => {
    const { spec } = await started(["sleep", "300"]);
    const bad = { ...spec, name: labName("bad"), aliases: [] };
    await expect(startContainer(docker, { ...bad, image: labName("none") }, soon())).rejects.toMatchObject({
      code: "image_not_found",
    });
    await expect(
      startContainer(docker, { ...bad, command: ["/no/such/command"] }, soon()),
    ).rejects.toMatchObject({
      code: "container_failed",
      message: expect.stringContaining("/no/such/command"),
    });
    expect(await inspectContainer(docker, bad.name, soon())).toBeUndefined();
  });

  test("An image goes to a registry and comes back, with its progress and its digest.", async () => {
    const { open } = labRegistry();
    const name = `${open}/${labName("push")}:v1`;
    await cli(engine, ["tag", "busybox", name]);
    cleanUp.push(() => purgeImage(engine, name));
    const { digest } = await pushImage(docker, name, { signal: soon() });
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    await purgeImage(engine, name);
    expect(await inspectImage(docker, name, soon())).toBeUndefined();
    await pullImage(docker, name, { signal: soon() });
    expect(await inspectImage(docker, name, soon())).toMatchObject({
      os: "linux",
      names: expect.arrayContaining([name]),
    });

    const byDigest = `${name.slice(0, name.lastIndexOf(":"))}@${digest}`;
    cleanUp.push(() => purgeImage(engine, byDigest));
    await pullImage(docker, byDigest, { signal: soon() });
    await pullImage(docker, `${name}@${digest}`, { signal: soon() });
    expect(await inspectImage(docker, byDigest, soon())).toBeDefined();
  });

  test("A registry with a password takes the right one, and says which login is missing.", async () => {
    const { host, username, password } = labRegistry().auth;
    const name = `${host}/${labName("login")}:v1`;
    await cli(engine, ["tag", "busybox", name]);
    cleanUp.push(() => purgeImage(engine, name));
    for (const [code, login] of [
      ["image_login_required", undefined],
      ["image_login_refused", { username, password: "wrong-and-secret" }],
    ] as const) {
      const refused = await pushImage(docker, name, { signal: soon(), login }).catch(
        (error: unknown) => error,
      );
      expect(refused).toMatchObject({
        code,
        message: expect.stringContaining("login"),
        hint: expect.stringContaining(`docker login ${host}`),
      });
      expect(String(refused)).not.toContain("wrong-and-secret");
    }
    await pushImage(docker, name, { signal: soon(), login: { username, password } });
    await purgeImage(engine, name);
    await expect(pullImage(docker, name, { signal: soon() })).rejects.toMatchObject({
      code: "image_login_required",
      hint: expect.stringContaining("docker login"),
    });
    await pullImage(docker, name, { signal: soon(), login: { username, password } });
  });

  test("A login without access is told from one that is wrong, for pulls and for pushes.", async () => {
    const registry = await forbiddenRegistry();
    cleanUp.push(registry.close);
    const name = `${registry.host}/${labName("denied")}:v1`;
    const options = { signal: soon(), login: { username: "u", password: "p" } };
    await expect(pullImage(docker, name, options)).rejects.toMatchObject({ code: "image_pull_denied" });
    await cli(engine, ["tag", "busybox", name]);
    cleanUp.push(() => purgeImage(engine, name));
    await expect(pushImage(docker, name, options)).rejects.toMatchObject({ code: "image_push_denied" });
  });

  test("An image that no registry has is not found.", async () => {
    const name = `${labRegistry().open}/${labName("none")}:v9`;
    await expect(pullImage(docker, name, { signal: soon() })).rejects.toMatchObject({
      code: "image_not_found",
      message: expect.stringContaining(name),
    });
  });

  test("A pull that is cancelled ends with the reason.", async () => {
    const reason = new Error("changed my mind");
    const pulling = pullImage(docker, "debian:bookworm-slim", { signal: AbortSignal.abort(reason) });
    await expect(pulling).rejects.toBe(reason);
  });
});
