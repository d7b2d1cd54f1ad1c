import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { describeAgentConfig, parseAgentConfig, parseCacheBudget } from "./config.js";
import { memoryBytes } from "./setting-values.js";

const least = { GALLEY_CONTROL_PLANE_URL: "http://galley:8080/", GALLEY_NATS_URL: "nats://bus:4222" };

function refusal(env: Record<string, string>): GalleyError {
  try {
    parseAgentConfig(env);
  } catch (error) {
    if (error instanceof GalleyError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("two variables are enough, the rest has the defaults of the documentation", () => {
  expect(parseAgentConfig(least)).toEqual({
    controlPlaneUrl: "http://galley:8080",
    natsUrls: ["nats://bus:4222"],
    natsCa: undefined,
    token: undefined,
    dataDirectory: "/var/lib/galley",
    allowLocalRepositories: false,
    publicNetwork: "galley-public",
    previewPool: "10.213.0.0/16",
    probeImage: undefined,
    firewall: "auto",
    tlsEnabled: false,
    entrypoints: undefined,
    certResolver: undefined,
    maxParallelBuilds: 4,
    cacheBudget: 20 * 1024 ** 3,
    cacheShare: 10 * 1024 ** 3,
    cacheRegistry: undefined,
    minFreeDisk: 1024 ** 3,
    defaultCpus: 1.5,
    defaultMemory: 1024 ** 3,
    drainMs: 300_000,
    switchMs: 8_000,
    ingressSocket: undefined,
    healthPort: 9465,
    logLevel: "info",
  });
});

test("every bad variable is named at once, with what was found and what is accepted", () => {
  const error = refusal({
    GALLEY_NATS_URL: "http://bus",
    GALLEY_MAX_PARALLEL_BUILDS: "0",
    GALLEY_DEFAULT_CPUS: "many",
    GALLEY_DEFAULT_MEMORY: "1t",
    GALLEY_TLS_ENABLED: "maybe",
    GALLEY_LOG_LEVEL: "loud",
    GALLEY_DATA_DIR: "data",
    GALLEY_HEALTH_PORT: "70000",
    GALLEY_NATS_CA: "ca.pem",
  });
  expect(error.code).toBe("config_invalid");
  const lines = error.message.split("\n").slice(1);
  expect(lines).toHaveLength(10);
  expect(error.message).toContain(
    "GALLEY_CONTROL_PLANE_URL is not set: accepted is an http:// or https:// URL",
  );
  expect(error.message).toContain(
    'GALLEY_MAX_PARALLEL_BUILDS is "0": accepted is a whole number from 1 to 64',
  );
  expect(error.message).toContain('GALLEY_DEFAULT_MEMORY is "1t": accepted is a size of at least 6m');
});

test("neither a bad token nor a password in a URL is repeated", () => {
  const error = refusal({
    GALLEY_CONTROL_PLANE_URL: "ftp://user:hunter2@host",
    GALLEY_NATS_URL: "nats://bus",
    GALLEY_AGENT_TOKEN: "galley_pat_sup3rs3cret",
  });
  expect(error.message).not.toMatch(/hunter2|sup3rs3cret/);
  expect(error.message).toContain("GALLEY_AGENT_TOKEN has 22 characters that are no such token");
});

test("an empty variable is one that is not set", () => {
  const config = parseAgentConfig({
    ...least,
    GALLEY_AGENT_TOKEN: "",
    GALLEY_CERT_RESOLVER: "",
    GALLEY_DATA_DIR: "",
  });
  expect(config).toMatchObject({
    token: undefined,
    certResolver: undefined,
    dataDirectory: "/var/lib/galley",
  });
});

test("a registry for layers is a host and a path, and nothing that a name below it would not fit behind", () => {
  const of = (text: string) => parseAgentConfig({ ...least, GALLEY_CACHE_REGISTRY: text }).cacheRegistry;
  expect(of("registry.example.org:5000/team/cache/")).toBe("registry.example.org:5000/team/cache");
  expect(of("docker.io/team/cache")).toBe("docker.io/team/cache");
  expect(of("")).toBeUndefined();
  const wrong = [
    "team/cache",
    "registry.example.org",
    "r.example/cache:tag",
    "https://r.example/cache",
    "r.example/Cache",
  ];
  for (const text of [...wrong, `r.example/${"c".repeat(100)}`])
    expect(() => of(text), text).toThrow("GALLEY_CACHE_REGISTRY");
});

test.each([
  ["1g", 1024 ** 3],
  ["512m", 512 * 1024 ** 2],
  ["1.5G", 1.5 * 1024 ** 3],
  ["1048576", 1024 ** 2],
  ["1 g", Number.NaN],
  ["-1g", Number.NaN],
  ["g", Number.NaN],
])("a memory of %s is %d bytes", (text, bytes) => {
  expect(memoryBytes(text)).toBe(bytes);
});

test("what caches may store is read where the rest of the environment is missing or wrong", () => {
  expect(parseCacheBudget({ GALLEY_NATS_URL: "nonsense" })).toEqual({
    all: 20 * 1024 ** 3,
    repository: 10 * 1024 ** 3,
  });
  expect(parseCacheBudget({ GALLEY_CACHE_BUDGET: "4g", GALLEY_CACHE_BUDGET_PER_REPOSITORY: "1g" })).toEqual({
    all: 4 * 1024 ** 3,
    repository: 1024 ** 3,
  });
  expect(() => parseCacheBudget({ GALLEY_CACHE_BUDGET: "much" })).toThrow("GALLEY_CACHE_BUDGET");
});

test("the documentation's table is the schema's", () => {
  const page = readFileSync(new URL("../../docs/agent.md", import.meta.url), "utf8");
  for (const { name, fallback, accepted, meaning } of describeAgentConfig()) {
    const shown = fallback === undefined ? "" : `\`${fallback}\``;
    expect(page).toContain(`| \`${name}\` | ${shown} | ${accepted} | ${meaning} |\n`);
  }
});
