import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { GalleyError } from "../../errors/index.js";
import { parseConfig } from "./parse.js";

const key = randomBytes(32).toString("hex");
const fault = (env: Record<string, string>): GalleyError => {
  try {
    parseConfig(env);
  } catch (error) {
    return error as GalleyError;
  }
  throw new Error("was accepted");
};

describe("the server's settings", () => {
  test("need a master key and nothing else", () => {
    expect(parseConfig({ GALLEY_MASTER_KEY: key })).toMatchObject({
      database: { dataDir: "/var/lib/galley/db" },
      port: 8080,
      publicUrl: new URL("http://localhost:8080"),
      bus: { urls: ["nats://127.0.0.1:4222"], dir: "/var/lib/galley/bus", caFile: null, replicas: 1 },
      ingress: { scheme: "http", domain: "localhost", port: null },
      allowLocalRepositories: false,
      jobExpiryMs: 3600_000,
      eventsKeepMs: 30 * 24 * 3600_000,
      eventsKeepCount: 2_000_000,
      metricsToken: null,
      logLevel: "info",
    });
  });

  test("are read from their variables, and an empty variable counts as absent", () => {
    const config = parseConfig({
      GALLEY_MASTER_KEY: key,
      GALLEY_DATABASE_URL: "postgres://galley:pass@db:5432/galley",
      GALLEY_DATA_DIR: "/srv/galley",
      GALLEY_PORT: "9000",
      GALLEY_PUBLIC_URL: "https://galley.example.org",
      GALLEY_NATS_URL: "nats://a:4222, tls://b:4222",
      GALLEY_BUS_REPLICAS: "3",
      GALLEY_NATS_CA: "/etc/ca.pem",
      GALLEY_TLS_ENABLED: "true",
      GALLEY_DOMAIN: "previews.example.org",
      GALLEY_INGRESS_PORT: "",
      GALLEY_TRUSTED_PROXIES: "10.0.0.0/8,::1",
      GALLEY_JOB_EXPIRY: "90m",
      GALLEY_PREVIEW_TTL: "never",
      GALLEY_PREVIEW_IDLE: "30m",
      GALLEY_EVENTS_KEEP_DAYS: "7",
      GALLEY_EVENTS_KEEP_COUNT: "10000",
      GALLEY_METRICS_TOKEN: "prometheus-knows-it",
    });
    expect(config).toMatchObject({
      database: { url: "postgres://galley:pass@db:5432/galley" },
      port: 9000,
      publicUrl: new URL("https://galley.example.org"),
      bus: {
        urls: ["nats://a:4222", "tls://b:4222"],
        dir: "/srv/galley/bus",
        caFile: "/etc/ca.pem",
        replicas: 3,
      },
      ingress: { scheme: "https", domain: "previews.example.org", port: null },
      trustedProxies: ["10.0.0.0/8", "::1"],
      jobExpiryMs: 90 * 60_000,
      life: { ttlMs: 0, idleMs: 30 * 60_000 },
      eventsKeepMs: 7 * 24 * 3600_000,
      eventsKeepCount: 10_000,
      metricsToken: "prometheus-knows-it",
    });
  });

  test.each([
    ["GALLEY_PORT", "0"],
    ["GALLEY_PORT", "http"],
    ["GALLEY_PUBLIC_URL", "galley.example.org"],
    ["GALLEY_PUBLIC_URL", "https://galley.example.org/app"],
    ["GALLEY_PUBLIC_URL", "https://user:pw@galley.example.org"],
    ["GALLEY_NATS_URL", "nats://user:pw@a:4222"],
    ["GALLEY_NATS_URL", "http://a:4222"],
    ["GALLEY_BUS_REPLICAS", "2"],
    ["GALLEY_DOMAIN", "Previews.example"],
    ["GALLEY_DOMAIN", "-a"],
    ["GALLEY_TLS_ENABLED", "yes"],
    ["GALLEY_LOG_LEVEL", "loud"],
    ["GALLEY_TRUSTED_PROXIES", "proxy"],
    ["GALLEY_HOST", "everywhere"],
    ["GALLEY_ALLOW_LOCAL_REPOSITORIES", "maybe"],
    ["GALLEY_EVENTS_KEEP_DAYS", "0"],
    ["GALLEY_EVENTS_KEEP_DAYS", "1.5"],
    ["GALLEY_EVENTS_KEEP_COUNT", "9999"],
    ["GALLEY_JOB_EXPIRY", "0m"],
    ["GALLEY_JOB_EXPIRY", "3600"],
    ["GALLEY_JOB_EXPIRY", "31d"],
  ])("refuse %s=%s, and say what was found and what is accepted", (name, value) => {
    const error = fault({ GALLEY_MASTER_KEY: key, [name]: value });
    expect(error.code).toBe("config_invalid");
    expect(error.message).toContain(`${name}: found ${JSON.stringify(value)}; accepted is `);
  });

  test("that are wrong are all named at once, secret ones without their value", () => {
    const error = fault({
      GALLEY_MASTER_KEY: "hunter2",
      GALLEY_DATABASE_URL: "mysql://root:hunter3@db/galley",
      GALLEY_PORT: "x",
    });
    expect(error.code).toBe("master_key_invalid");
    expect(error.message).toMatch(/GALLEY_DATABASE_URL.*GALLEY_PORT.*GALLEY_MASTER_KEY/s);
    expect(error.message).not.toMatch(/hunter/);
  });

  test("do not show the master key when they are printed", () => {
    const config = parseConfig({ GALLEY_MASTER_KEY: key });
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain(key);
    expect(JSON.stringify(config)).not.toContain(Buffer.from(key, "hex").toString("base64"));
  });
});

describe("a master key", () => {
  const bytes = randomBytes(32);
  test.each([
    ["hexadecimal", bytes.toString("hex")],
    ["hexadecimal in capitals", bytes.toString("hex").toUpperCase()],
    ["base64", bytes.toString("base64")],
    ["base64url", bytes.toString("base64url")],
  ])("is taken as %s, with the same meaning", (_, text) => {
    expect(parseConfig({ GALLEY_MASTER_KEY: text }).masterKey.export().equals(bytes)).toBe(true);
  });

  test.each([
    ["missing", ""],
    ["of 31 bytes", randomBytes(31).toString("hex")],
    ["of 31 bytes in base64", randomBytes(31).toString("base64")],
    ["a passphrase", "correct horse battery staple, and more than thirty-two characters"],
    ["half hexadecimal", `${randomBytes(32).toString("hex").slice(0, 63)}!`],
  ])("is refused when it is %s", (_, text) => {
    expect(fault({ GALLEY_MASTER_KEY: text })).toMatchObject({
      code: "master_key_invalid",
      hint: expect.stringContaining("galley server init"),
    });
  });
});
