import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { nodeApplication } from "./cached-repositories.js";
import { answerOf, startPackageRegistry } from "./package-registry.js";
import { makePackage, packageName } from "./packages.js";

const at = "http://registry.test/";
const ask = (url: string, headers: Record<string, string> = {}, method = "GET") =>
  answerOf({ method, url, headers }, at, makePackage);
const name = packageName("some", 3);

test("A package's document has the fields that the registry's description names, full and abbreviated, and is not sent again unchanged.", () => {
  const made = makePackage(name);
  const dist = {
    tarball: `${at}${name}/-/${name}-1.0.0.tgz`,
    shasum: createHash("sha1")
      .update(made?.tarball ?? "")
      .digest("hex"),
    integrity: `sha512-${createHash("sha512")
      .update(made?.tarball ?? "")
      .digest("base64")}`,
  };
  const common = {
    name,
    "dist-tags": { latest: "1.0.0" },
    versions: { "1.0.0": { name, version: "1.0.0", dist } },
  };
  const full = ask(`/${name}`);
  expect(full).toMatchObject({ status: 200, headers: { "content-type": "application/json" } });
  expect(JSON.parse(full.body.toString())).toMatchObject({
    ...common,
    _id: name,
    time: { "1.0.0": expect.any(String) },
  });
  const accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
  const short = ask(`/${name}`, { accept });
  expect(short.headers["content-type"]).toBe("application/vnd.npm.install-v1+json");
  expect(JSON.parse(short.body.toString())).toEqual({ ...common, modified: expect.any(String) });
  const again = ask(`/${name}`, { accept, "if-none-match": short.headers.etag ?? "" });
  expect(again).toMatchObject({ status: 304, body: { length: 0 } });
});

test("A tarball is the same whenever it is made; what is not there is not found, and nothing can be published.", () => {
  const path = `/${name}/-/${name}-1.0.0.tgz`;
  expect(ask(path).body.equals(makePackage(name)?.tarball ?? Buffer.alloc(0))).toBe(true);
  for (const url of ["/", "/nothing", "/@scope%2fname", `/${name}/-/${name}-2.0.0.tgz`, `/${name}/1.0.0`])
    expect(ask(url), url).toMatchObject({ status: 404 });
  expect(ask(`/${name}`, {}, "PUT")).toMatchObject({ status: 405 });
});

test("npm installs from it, by documents and by a lock file, and asks for no tarball that it has.", async () => {
  const registry = await startPackageRegistry("127.0.0.1");
  const folder = await mkdtemp(join(tmpdir(), "galley-bench-npm-"));
  registry.distance = { latencyMs: 5, bytesPerSecond: 10e6 };
  const npm = (...args: string[]) => {
    const env = {
      ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key))),
      npm_config_cache: join(folder, "cache"),
      npm_config_userconfig: "/dev/null",
    };
    return promisify(execFile)("npm", args, { cwd: folder, env, timeout: 120_000 });
  };
  try {
    const { ".npmrc": npmrc } = nodeApplication(registry.url).files({ word: "any" });
    await writeFile(join(folder, ".npmrc"), npmrc ?? "");
    const dependencies = { [name]: "1.0.0", [packageName("other", 2)]: "^1.0.0" };
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, dependencies }));
    await npm("install");
    const lock = JSON.parse(await readFile(join(folder, "package-lock.json"), "utf8"));
    expect(lock.packages[`node_modules/${name}`]).toMatchObject({ integrity: makePackage(name)?.integrity });
    const { sent } = registry;
    expect(sent).toBeGreaterThan(makePackage(name)?.tarball.length ?? 0);
    await npm("ci");
    expect(registry.sent).toBe(sent);
    expect((await readFile(join(folder, "node_modules", name, "f0.bin"))).length).toBeGreaterThan(0);
  } finally {
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  }
});
