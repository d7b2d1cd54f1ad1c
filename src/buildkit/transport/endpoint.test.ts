import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseTarget } from "./endpoint.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-endpoint-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function writeContext(name: string, docker: unknown, tls: Record<string, string> = {}) {
  const id = createHash("sha256").update(name).digest("hex");
  await mkdir(join(folder, "contexts/meta", id), { recursive: true });
  await writeFile(
    join(folder, "contexts/meta", id, "meta.json"),
    JSON.stringify({ Name: name, Endpoints: { docker } }),
  );
  if (Object.keys(tls).length > 0)
    await mkdir(join(folder, "contexts/tls", id, "docker"), { recursive: true });
  for (const [file, text] of Object.entries(tls)) {
    await writeFile(join(folder, "contexts/tls", id, "docker", file), text);
  }
}

test("without any setting the engine is at docker's own socket", async () => {
  const found = await parseTarget(undefined, { DOCKER_CONFIG: folder });
  expect(found).toEqual({ kind: "docker", address: { type: "unix", path: "/var/run/docker.sock" } });
});

test("currentContext of config.json chooses the engine, DOCKER_CONTEXT beats it and DOCKER_HOST beats both", async () => {
  await writeContext("work", { Host: "unix:///work.sock" });
  await writeContext("lab", { Host: "ssh://me@lab:2222/run/docker.sock" });
  await writeFile(join(folder, "config.json"), JSON.stringify({ currentContext: "work" }));
  const env = { DOCKER_CONFIG: folder };

  expect(await parseTarget(undefined, env)).toEqual({
    kind: "docker",
    address: { type: "unix", path: "/work.sock" },
  });
  expect(await parseTarget(undefined, { ...env, DOCKER_CONTEXT: "lab" })).toEqual({
    kind: "docker",
    address: { type: "ssh", host: "lab", user: "me", port: 2222, socketPath: "/run/docker.sock" },
  });
  expect(
    await parseTarget(undefined, { ...env, DOCKER_CONTEXT: "lab", DOCKER_HOST: "unix:///host.sock" }),
  ).toEqual({
    kind: "docker",
    address: { type: "unix", path: "/host.sock" },
  });
});

test("a target without a scheme is a docker context, whatever DOCKER_HOST says", async () => {
  await writeContext("lab", { Host: "tcp://lab" }, { "ca.pem": "CA", "cert.pem": "CERT", "key.pem": "KEY" });
  expect(await parseTarget("lab", { DOCKER_CONFIG: folder, DOCKER_HOST: "unix:///host.sock" })).toEqual({
    kind: "docker",
    address: {
      type: "tcp",
      host: "lab",
      port: 2376,
      tls: { ca: Buffer.from("CA"), cert: Buffer.from("CERT"), key: Buffer.from("KEY") },
    },
  });
});

test("a context whose TLS check is off is reached by TLS that trusts anyone", async () => {
  await writeContext("lax", { Host: "tcp://lab:1", SkipTLSVerify: true });
  expect(await parseTarget("context://lax", { DOCKER_CONFIG: folder })).toEqual({
    kind: "docker",
    address: { type: "tcp", host: "lab", port: 1, tls: { skipVerify: true } },
  });
});

test("DOCKER_TLS_VERIFY takes the certificates of DOCKER_CERT_PATH and the TLS port", async () => {
  await writeFile(join(folder, "ca.pem"), "CA");
  const env = { DOCKER_HOST: "tcp://[::1]", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: folder };
  expect(await parseTarget(undefined, env)).toEqual({
    kind: "docker",
    address: { type: "tcp", host: "::1", port: 2376, tls: { ca: Buffer.from("CA") } },
  });
});

test("unix:// and tcp:// as a target mean a buildkitd, docker+unix:// a Docker Engine", async () => {
  expect(await parseTarget("unix:///run/buildkit/buildkitd.sock", {})).toEqual({
    kind: "buildkitd",
    address: { type: "unix", path: "/run/buildkit/buildkitd.sock" },
  });
  await writeFile(join(folder, "c"), "PEM");
  const file = join(folder, "c");
  expect(await parseTarget(`tcp://bk?ca=${file}&cert=${file}&key=${file}&servername=other`, {})).toEqual({
    kind: "buildkitd",
    address: {
      type: "tcp",
      host: "bk",
      port: 1234,
      tls: { ca: Buffer.from("PEM"), cert: Buffer.from("PEM"), key: Buffer.from("PEM"), serverName: "other" },
    },
  });
  expect(await parseTarget("docker+unix:///x.sock", {})).toEqual({
    kind: "docker",
    address: { type: "unix", path: "/x.sock" },
  });
});

test("docker-container:// goes through the engine that docker would use", async () => {
  expect(await parseTarget("docker-container://builder0", { DOCKER_HOST: "tcp://:2375" })).toEqual({
    kind: "docker-container",
    container: "builder0",
    docker: { type: "tcp", host: "127.0.0.1", port: 2375 },
  });
});

test.each([
  ["npipe:////./pipe/docker_engine", /named pipes/],
  ["docker+npipe:////./pipe/docker_engine", /named pipes/],
  ["docker+ssh://-oProxyCommand=x", /Not an address/],
  ["docker+ssh://-l@host", /Not an address/],
  ["ssh://host", /cannot be reached/],
  ["unix://relative", /Not an address/],
  ["ftp://host", /Not an address/],
  ["docker-container://../../images", /Not the name of a container/],
  ["tcp://host?caa=x", /Unknown option/],
  ["tcp://host?cert=/dev/null", /needs its key/],
  ["no-such-context", /does not exist/],
])("the target %s is refused with a sentence and a hint", async (target, sentence) => {
  const refused = parseTarget(target, { DOCKER_CONFIG: folder });
  await expect(refused).rejects.toMatchObject({
    code: "option_invalid",
    message: expect.stringMatching(sentence),
  });
  await expect(refused).rejects.toHaveProperty("hint", expect.stringMatching(/\w/));
});

test("a password in an address is refused without being repeated", async () => {
  await expect(parseTarget("docker+ssh://me:hunter2@host", {})).rejects.toSatisfy(
    (error: Error) => !error.message.includes("hunter2"),
  );
});
