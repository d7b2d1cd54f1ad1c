import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authEntry, credentialsOf, helperFor, loadDockerConfig, parseDockerConfig } from "./docker-config.js";

const auth = (pair: string) => Buffer.from(pair).toString("base64");
const hub = "https://index.docker.io/v1/";

describe("the entry of a registry", () => {
  const config = {
    auths: {
      [hub]: { auth: auth("hub:1") },
      "r.example": { auth: auth("plain:2") },
      "r.example:5000": { auth: auth("port:3") },
      "https://old.example/v1/": { auth: auth("old:4") },
    },
  };

  test.each([
    ["registry-1.docker.io", "hub"],
    ["docker.io", "hub"],
    ["index.docker.io", "hub"],
    ["r.example", "plain"],
    ["r.example:5000", "port"],
    ["old.example", "old"],
  ])("of %s is found", (host, username) => {
    expect(credentialsOf(authEntry(config, host))).toMatchObject({ kind: "password", username });
  });

  test.each(["other.example", "r.example:5001", "example", "constructor", "__proto__", ""])(
    "of %j is not there, and nothing like it is taken instead",
    (host) => {
      expect(authEntry(config, host)).toBeUndefined();
    },
  );

  test("of Docker Hub is found under its short name, too", () => {
    expect(
      authEntry({ auths: { "docker.io": { auth: auth("a:b") } } }, "registry-1.docker.io"),
    ).toBeDefined();
  });
});

test.each([
  [{ auth: auth("u:p:with:colons") }, { kind: "password", username: "u", password: "p:with:colons" }],
  [{ auth: auth("u:p\0\0") }, { kind: "password", username: "u", password: "p" }],
  [{ auth: auth("ü:größe") }, { kind: "password", username: "ü", password: "größe" }],
  [
    { username: "u", password: "p" },
    { kind: "password", username: "u", password: "p" },
  ],
  [
    { auth: auth("00000000-0000:"), identitytoken: "id" },
    { kind: "identity", token: "id" },
  ],
  [
    { auth: auth("u:p"), registrytoken: "bear" },
    { kind: "bearer", token: "bear" },
  ],
  [{ auth: "no colon" }, { kind: "anonymous" }],
  [{ auth: auth("u:") }, { kind: "anonymous" }],
  [{}, { kind: "anonymous" }],
  [undefined, { kind: "anonymous" }],
])("reads the credentials of %j", (entry, credentials) => {
  expect(credentialsOf(entry)).toEqual(credentials);
});

test("asks the registry's own helper first, then the store, and by the name that the store files it under", () => {
  const config = { credHelpers: { "r.example": "ecr", "docker.io": "hubby" }, credsStore: "desktop" };
  expect(helperFor(config, "r.example")).toEqual({ helper: "ecr", key: "r.example" });
  expect(helperFor(config, "registry-1.docker.io")).toEqual({ helper: "hubby", key: "docker.io" });
  expect(helperFor(config, "other.example")).toEqual({ helper: "desktop", key: "other.example" });
  expect(helperFor({ credsStore: "desktop" }, "registry-1.docker.io")).toEqual({
    helper: "desktop",
    key: hub,
  });
  expect(helperFor({ credHelpers: { "r.example": "ecr" } }, "other.example")).toBeUndefined();
  expect(helperFor({ credHelpers: {} }, "constructor")).toBeUndefined();
});

test("keeps of a configuration what has the right shape", () => {
  const json = {
    auths: { a: { auth: "x", username: 7 }, b: null },
    credHelpers: { c: "d", e: [] },
    credsStore: 1,
  };
  expect(parseDockerConfig(json)).toEqual({ auths: { a: { auth: "x" } }, credHelpers: { c: "d" } });
  expect(parseDockerConfig({ auths: [], credHelpers: "x" })).toEqual({ auths: {}, credHelpers: {} });
  expect(() => parseDockerConfig([])).toThrow(TypeError);
});

describe("reading config.json", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "docker-config-test-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  test("takes the directory given, else DOCKER_CONFIG, and a missing file for an empty one", async () => {
    await writeFile(join(directory, "config.json"), '{"credsStore":"pass"}');
    expect(await loadDockerConfig(directory, {})).toMatchObject({ credsStore: "pass" });
    expect(await loadDockerConfig(undefined, { DOCKER_CONFIG: directory })).toMatchObject({
      credsStore: "pass",
    });
    expect(await loadDockerConfig(join(directory, "none"), {})).toEqual({});
  });

  test("names a broken file without quoting it", async () => {
    await writeFile(join(directory, "config.json"), '{"auths":{"r":{"auth":"aHVudGVyMg=="}');
    const error = await loadDockerConfig(directory, {}).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "option_invalid" });
    expect(inspect(error)).not.toContain("aHVud");
  });
});

test("proxies are read by engine, and what is no text is left out", () => {
  const { proxies } = parseDockerConfig({
    proxies: { default: { httpProxy: "http://p:1", noProxy: 7, other: "x" }, "tcp://a:1": "http://p" },
  });
  expect(proxies).toEqual({ default: { httpProxy: "http://p:1" } });
});
