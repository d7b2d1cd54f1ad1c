import { z } from "zod";
import { lifespanForm, parseLifespan } from "../config/index.js";

/** What people may say of a project, as the API takes it. */

export const projectName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be 1 to 40 of a-z, 0-9 and -, with a letter first");

export const variableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be 1 to 128 letters, digits and _, without a digit first");

const noZero = (value: string) => !value.includes("\0");
/** A container's environment cannot hold more: each string of it is bounded by the kernel at 128 KiB. */
const maxValue = 64 * 1024;
export const value = z
  .string()
  .max(maxValue, "must have at most 65536 characters")
  .refine(noZero, "must not hold a zero byte");
export const maxVariables = 200;

export const environment = z
  .record(variableName, value)
  .refine((env) => Object.keys(env).length <= maxVariables, `must have at most ${maxVariables} variables`);

export const resources = z.strictObject({
  /** Processors, for example 1.5; null: the agent's default. */
  cpus: z.number().positive().max(1024).nullable().default(null),
  /** For example 512m or 1.5g; null: the agent's default. */
  memory: z
    .string()
    .regex(
      /^(?=.*[1-9])\d{1,6}(\.\d{1,3})?[bkmg]?$/i,
      "must be a number with b, k, m or g after it, such as 512m",
    )
    .nullable()
    .default(null),
});

const lifespan = z
  .string()
  .max(20)
  .refine((text) => parseLifespan(text) !== undefined, `must be ${lifespanForm}`)
  .nullable()
  .describe(`${lifespanForm}; null: as the server is set.`);

export const life = z.strictObject({
  ttl: lifespan
    .optional()
    .describe("How long a preview lives after its last deployment. For later deployments."),
  idle: lifespan.optional().describe("How long one without requests runs until it hibernates."),
});

const oneLine = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{C}]*$/u, "must be one line");

/** PEM says so in its head; OpenSSH's own form names the cipher behind its magic (PROTOCOL.key): `none` without a passphrase. */
function hasPassphrase(key: string): boolean {
  if (/ENCRYPTED/.test(key)) return true;
  const body = /^-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(key)?.[1];
  if (body === undefined) return false;
  return Buffer.from(body, "base64").subarray(19, 23).toString("latin1") !== "none";
}

export const credential = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("token"),
    /** What forges take beside a token; GitHub takes any. */
    username: oneLine(200).default("x-access-token"),
    token: oneLine(4096),
  }),
  z.strictObject({
    kind: z.literal("ssh"),
    privateKey: z
      .string()
      .max(32 * 1024)
      .regex(
        /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\r?\n[\s\S]+\n-----END [A-Z0-9 ]*PRIVATE KEY-----\s*$/,
        "must be a private key in OpenSSH or PEM form",
      )
      .refine((key) => !hasPassphrase(key), "must not have a passphrase"),
    /** Lines of a known_hosts file; null: the well-known forges' keys and nothing else. */
    knownHosts: z
      .string()
      .max(32 * 1024)
      .refine(noZero, "must not hold a zero byte")
      .nullable()
      .default(null),
  }),
]);

export const registryHost = z
  .string()
  .max(255)
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/,
    "must be a registry's host in lower case, with its port if it has one",
  );

export const registryLogin = z.strictObject({
  username: oneLine(400),
  password: z.string().min(1).max(8192).refine(noZero),
});

/** How a project is shown: of what is secret, that it is there and since when. */
export const projectAnswer = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  repoKey: z.string(),
  env: z.record(z.string(), z.string()),
  resources: z.object({ cpus: z.number().nullable(), memory: z.string().nullable() }),
  life: z
    .object({ ttl: z.string().nullable(), idle: z.string().nullable() })
    .describe("Durations, `never`, or null: as the server is set."),
  credential: z.object({ kind: z.enum(["token", "ssh"]), changedAt: z.iso.datetime() }).nullable(),
  secrets: z.array(z.object({ key: z.string(), changedAt: z.iso.datetime() })),
  registries: z.array(z.object({ host: z.string(), username: z.string(), changedAt: z.iso.datetime() })),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type ProjectAnswer = z.infer<typeof projectAnswer>;
