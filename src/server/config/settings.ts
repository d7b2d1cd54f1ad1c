import { isIP } from "node:net";
import { resolve } from "node:path";
import { z } from "zod";
import { logLevels } from "../http/index.js";
import { lifespanForm, parseDuration, parseLifespan } from "./duration.js";
import { masterKeyText } from "./master-key.js";

/** How one variable is read. `accepted` completes the sentence "accepted is …". */
interface Setting<T> {
  readonly schema: z.ZodType<T, string>;
  readonly accepted: string;
  readonly purpose: string;
  /** In words where it is no text; undefined: there is none. */
  readonly fallback?: string;
  /** What is found is never shown. */
  readonly secret?: boolean;
}

const setting = <T>(of: Setting<T>): Setting<T> => of;
const text = z.string();
const refusing =
  <T>(read: (value: string) => T | undefined) =>
  (value: string, context: z.RefinementCtx): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: "not accepted" });
    return z.NEVER;
  };

const port = text.transform(
  refusing((value) => (/^\d{1,5}$/.test(value) && +value >= 1 && +value <= 65535 ? +value : undefined)),
);
const flag = text.transform(
  refusing((value) => ({ true: true, "1": true, false: false, "0": false })[value]),
);
const domainName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Every variable of the server. What is read, what is said about a bad value and the documentation come from here. */
export const settings = {
  GALLEY_DATABASE_URL: setting({
    schema: text.transform(refusing(postgresUrl)),
    accepted: "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
    purpose: "The Postgres to keep everything in.",
    fallback: "the embedded database in GALLEY_DATA_DIR/db",
    secret: true,
  }),
  GALLEY_DATA_DIR: setting({
    schema: text.transform(refusing((value) => (value.includes("\0") ? undefined : resolve(value)))),
    accepted: "a directory",
    purpose: "Where the server keeps files: the embedded database, and the keys of the bus.",
    fallback: "/var/lib/galley",
  }),
  GALLEY_MASTER_KEY: setting({
    schema: text.transform(refusing(masterKeyText)),
    accepted: "at least 32 random bytes, hexadecimal or base64 (for example of `openssl rand -hex 32`)",
    purpose: "Encrypts the secrets in the database. Without it they are lost.",
    secret: true,
  }),
  GALLEY_MASTER_KEY_PREVIOUS: setting({
    schema: text.transform(refusing(masterKeyText)),
    accepted: "the master key that was used before, hexadecimal or base64",
    purpose: "To change the master key: the key before. Once started with both, the server needs it no more.",
    fallback: "none",
    secret: true,
  }),
  GALLEY_PUBLIC_URL: setting({
    schema: text.transform(
      refusing((value) => {
        if (!URL.canParse(value)) return undefined;
        const parsed = new URL(value);
        const plain =
          parsed.username === "" && parsed.password === "" && /^\/?$/.test(parsed.pathname + parsed.search);
        return /^https?:$/.test(parsed.protocol) && plain ? parsed : undefined;
      }),
    ),
    accepted: "http://HOST[:PORT] or https://HOST[:PORT], without a path",
    purpose: "The address at which people and agents reach the server.",
    fallback: "http://localhost:GALLEY_PORT",
  }),
  GALLEY_HOST: setting({
    schema: text.transform(refusing((value) => (isIP(value) || value === "localhost" ? value : undefined))),
    accepted: "an IP address",
    purpose: "The address to listen on.",
    fallback: "0.0.0.0",
  }),
  GALLEY_PORT: setting({
    schema: port,
    accepted: "a port from 1 to 65535",
    purpose: "The port to listen on.",
    fallback: "8080",
  }),
  GALLEY_TRUSTED_PROXIES: setting({
    schema: text.transform(
      refusing((value) => {
        const parts = value.split(",").map((part) => part.trim());
        return parts.every((part) => isIP(part.replace(/\/\d{1,3}$/, ""))) ? parts : undefined;
      }),
    ),
    accepted: "IP addresses or CIDR ranges, separated by commas",
    purpose: "Reverse proxies whose X-Forwarded-For tells where a request comes from.",
    fallback: "none",
  }),
  GALLEY_NATS_URL: setting({
    schema: text.transform(
      refusing((value) => {
        const parts = value.split(",").map((part) => part.trim());
        return parts.every(natsUrl) ? parts : undefined;
      }),
    ),
    accepted: "nats://HOST:PORT or tls://HOST:PORT without user or password, several separated by commas",
    purpose: "The servers of the bus.",
    fallback: "nats://127.0.0.1:4222",
  }),
  GALLEY_NATS_CA: setting({
    schema: text.transform(refusing((value) => (value.includes("\0") ? undefined : resolve(value)))),
    accepted: "a PEM file",
    purpose:
      "Certificates of the authorities that sign the bus's; with it, a bus without TLS is refused. Absent: the well-known authorities.",
    fallback: "none",
  }),
  GALLEY_BUS_REPLICAS: setting({
    schema: text.transform(refusing((value) => ([1, 3, 5] as const).find((count) => `${count}` === value))),
    accepted: "1, 3 or 5",
    purpose: "Servers of the bus that keep each message: 3 in a cluster of three.",
    fallback: "1",
  }),
  GALLEY_BUS_DIR: setting({
    schema: text.transform(refusing((value) => (value.includes("\0") ? undefined : resolve(value)))),
    accepted: "a directory",
    purpose: "Where `galley server init` has written the keys of the bus.",
    fallback: "GALLEY_DATA_DIR/bus",
  }),
  GALLEY_DOMAIN: setting({
    schema: text.transform(refusing((value) => (domainName.test(value) ? value : undefined))),
    accepted: "a domain in lower case, such as previews.example.org",
    purpose: "Previews answer below it.",
    fallback: "localhost",
  }),
  GALLEY_INGRESS_PORT: setting({
    schema: port,
    accepted: "a port from 1 to 65535",
    purpose: "The port in the URLs of previews, where it is not the usual one of the scheme.",
    fallback: "none",
  }),
  GALLEY_TLS_ENABLED: setting({
    schema: flag,
    accepted: "true or false",
    purpose: "Whether the URLs of previews are https.",
    fallback: "false",
  }),
  GALLEY_ALLOW_LOCAL_REPOSITORIES: setting({
    schema: flag,
    accepted: "true or false",
    purpose: "Whether a project's repository may be a path of the agent's machine. For trying things out.",
    fallback: "false",
  }),
  GALLEY_JOB_EXPIRY: setting({
    schema: text.transform(refusing(duration)),
    accepted: "a duration from 1m to 30d, such as 90m, 12h or 2d",
    purpose: "How long a deployment waits for an agent until it fails.",
    fallback: "1h",
  }),
  GALLEY_PREVIEW_TTL: setting({
    schema: text.transform(refusing(lifespan)),
    accepted: lifespanForm,
    purpose:
      "How long a preview lives after its last deployment, unless it is pinned or its project says otherwise.",
    fallback: "14d",
  }),
  GALLEY_PREVIEW_IDLE: setting({
    schema: text.transform(refusing(lifespan)),
    accepted: lifespanForm,
    purpose:
      "How long a preview without requests runs until it hibernates, unless its project says otherwise.",
    fallback: "2h",
  }),
  GALLEY_EVENTS_KEEP_DAYS: setting({
    schema: text.transform(refusing((value) => wholeNumber(value, 1, 3650))),
    accepted: "a whole number from 1 to 3650",
    purpose:
      "Days after a deployment's end until its events and log lines are removed, unless its containers still serve. The deployment and its failure stay.",
    fallback: "30",
  }),
  GALLEY_EVENTS_KEEP_COUNT: setting({
    schema: text.transform(refusing((value) => wholeNumber(value, 10_000, 1_000_000_000))),
    accepted: "a whole number from 10000 to 1000000000",
    purpose:
      "Events of all deployments together; beyond that, those of the deployments that ended first are removed.",
    fallback: "2000000",
  }),
  GALLEY_METRICS_TOKEN: setting({
    schema: text.transform(refusing((value) => (/^[!-~]{16,200}$/.test(value) ? value : undefined))),
    accepted: "16 to 200 characters without blanks",
    purpose: "What Prometheus must send as a bearer token to read /metrics.",
    fallback: "none: anybody who reaches the server may read them",
    secret: true,
  }),
  GALLEY_LOG_LEVEL: setting({
    schema: text.transform(refusing((value) => logLevels.find((level) => level === value))),
    accepted: logLevels.join(", "),
    purpose: "What is logged.",
    fallback: "info",
  }),
} as const;

function postgresUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, hostname, searchParams, pathname } = new URL(value);
  if (protocol !== "postgres:" && protocol !== "postgresql:") return undefined;
  // A Unix socket is named in the query, as libpq does: postgres:///db?host=/run/postgresql
  return (hostname !== "" || searchParams.has("host")) && pathname.length > 1 ? value : undefined;
}

function wholeNumber(value: string, least: number, most: number): number | undefined {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
}

/** Milliseconds. */
function duration(value: string): number | undefined {
  const seconds = parseDuration(value);
  return seconds !== undefined && seconds <= 30 * 24 * 3600 ? seconds * 1000 : undefined;
}

/** Milliseconds; 0: never. */
function lifespan(value: string): number | undefined {
  const seconds = parseLifespan(value);
  return seconds === undefined ? undefined : seconds * 1000;
}

function natsUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  return /^(nats|tls):$/.test(protocol) && hostname !== "" && username === "" && password === "";
}

/** The table of the documentation: one row a variable. */
export const describeSettings = (): readonly {
  name: string;
  purpose: string;
  accepted: string;
  fallback: string;
}[] =>
  Object.entries(settings).map(([name, { purpose, accepted, fallback }]) => ({
    name,
    purpose,
    accepted,
    fallback: fallback ?? "required",
  }));
