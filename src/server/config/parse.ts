import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { GalleyError } from "../../errors/index.js";
import type { LogLevel } from "../http/index.js";
import { settings } from "./settings.js";

export interface ServerConfig {
  /** A Postgres, or the directory of the embedded database. The URL may hold a password. */
  readonly database: { readonly url: string } | { readonly dataDir: string };
  readonly dataDir: string;
  readonly masterKey: KeyObject;
  readonly previousMasterKey: KeyObject | null;
  readonly publicUrl: URL;
  readonly host: string;
  readonly port: number;
  readonly trustedProxies: readonly string[];
  readonly bus: {
    readonly urls: readonly string[];
    readonly dir: string;
    /** Certificates, PEM, of the authorities that sign those of the bus; null: the well-known ones. */
    readonly caFile: string | null;
    /** Servers that keep each message. */
    readonly replicas: number;
  };
  /** How previews are reached. `port`: null when it is the scheme's own. */
  readonly ingress: {
    readonly scheme: "http" | "https";
    readonly domain: string;
    readonly port: number | null;
  };
  readonly allowLocalRepositories: boolean;
  /** Milliseconds that a deployment waits for an agent until it fails. */
  readonly jobExpiryMs: number;
  /** What holds for projects that do not say otherwise, in milliseconds; 0: never. */
  readonly life: { readonly ttlMs: number; readonly idleMs: number };
  /** Milliseconds after a deployment's end until its events are removed. */
  readonly eventsKeepMs: number;
  /** Most events of all deployments together. */
  readonly eventsKeepCount: number;
  /** What has to be shown to read the metrics; null: nothing. */
  readonly metricsToken: string | null;
  readonly logLevel: LogLevel;
}

/**
 * Reads the settings from environment variables; an empty one counts as absent. Throws `config_invalid` with every bad value at
 * once, each by its variable, what was found (never of a secret) and what is accepted; `master_key_invalid` when the master key
 * is among them.
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): ServerConfig {
  const faults: string[] = [];
  let masterKeyFault = false;
  const read = <N extends keyof typeof settings>(
    name: N,
  ): ReturnType<(typeof settings)[N]["schema"]["parse"]> | undefined => {
    const { schema, accepted, secret, fallback } = settings[name];
    const found = env[name];
    if (found === undefined || found === "") {
      if (fallback === undefined) {
        faults.push(`${name} is not set; accepted is ${accepted}`);
        masterKeyFault ||= name === "GALLEY_MASTER_KEY";
      }
      return undefined;
    }
    const result = schema.safeParse(found);
    if (result.success) return result.data as ReturnType<(typeof settings)[N]["schema"]["parse"]>;
    const shown = secret ? `a value of ${found.length} characters` : JSON.stringify(found.slice(0, 200));
    faults.push(`${name}: found ${shown}; accepted is ${accepted}`);
    masterKeyFault ||= name === "GALLEY_MASTER_KEY" || name === "GALLEY_MASTER_KEY_PREVIOUS";
    return undefined;
  };

  const dataDir = read("GALLEY_DATA_DIR") ?? "/var/lib/galley";
  const url = read("GALLEY_DATABASE_URL");
  const port = read("GALLEY_PORT") ?? 8080;
  const masterKey = read("GALLEY_MASTER_KEY");
  const config = {
    database: url === undefined ? { dataDir: join(dataDir, "db") } : { url },
    dataDir,
    previousMasterKey: read("GALLEY_MASTER_KEY_PREVIOUS") ?? null,
    publicUrl: read("GALLEY_PUBLIC_URL") ?? new URL(`http://localhost:${port}`),
    host: read("GALLEY_HOST") ?? "0.0.0.0",
    port,
    trustedProxies: read("GALLEY_TRUSTED_PROXIES") ?? [],
    bus: {
      urls: read("GALLEY_NATS_URL") ?? ["nats://127.0.0.1:4222"],
      dir: read("GALLEY_BUS_DIR") ?? join(dataDir, "bus"),
      caFile: read("GALLEY_NATS_CA") ?? null,
      replicas: read("GALLEY_BUS_REPLICAS") ?? 1,
    },
    ingress: {
      scheme: read("GALLEY_TLS_ENABLED") ? ("https" as const) : ("http" as const),
      domain: read("GALLEY_DOMAIN") ?? "localhost",
      port: read("GALLEY_INGRESS_PORT") ?? null,
    },
    allowLocalRepositories: read("GALLEY_ALLOW_LOCAL_REPOSITORIES") ?? false,
    jobExpiryMs: read("GALLEY_JOB_EXPIRY") ?? 3600_000,
    life: {
      ttlMs: read("GALLEY_PREVIEW_TTL") ?? 14 * 24 * 3600_000,
      idleMs: read("GALLEY_PREVIEW_IDLE") ?? 2 * 3600_000,
    },
    eventsKeepMs: (read("GALLEY_EVENTS_KEEP_DAYS") ?? 30) * 24 * 3600_000,
    eventsKeepCount: read("GALLEY_EVENTS_KEEP_COUNT") ?? 2_000_000,
    metricsToken: read("GALLEY_METRICS_TOKEN") ?? null,
    logLevel: read("GALLEY_LOG_LEVEL") ?? ("info" as const),
  };
  if (faults.length > 0 || !masterKey)
    throw new GalleyError(
      masterKeyFault ? "master_key_invalid" : "config_invalid",
      `${faults.length === 1 ? "A setting is" : `${faults.length} settings are`} not accepted.\n${faults.map((fault) => `  ${fault}.`).join("\n")}`,
      {
        hint: masterKeyFault
          ? "`galley server init` makes a master key."
          : "Correct the environment of the server.",
      },
    );
  return { ...config, masterKey };
}
