import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { createAccount, createOperator, createUser, fromSeed, type KeyPair } from "@nats-io/jwt";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";

/** An identity on the bus: a user JWT and the nkey seed (`SU…`) that proves it. */
export interface BusCredential {
  readonly jwt: string;
  readonly seed: string;
}

/**
 * The keys of NATS's decentralised auth. Who has them can do anything on the bus: they stay with the server. An operator signs two
 * accounts: the system account, for revoking, and the application account, in which everything of ours happens.
 */
export interface BusKeys {
  readonly directory: string;
  readonly operator: KeyPair;
  readonly systemAccount: KeyPair;
  readonly systemUser: KeyPair;
  readonly account: KeyPair;
  readonly serverUser: KeyPair;
  /** With which the servers of a cluster know each other. */
  readonly clusterPassword: string;
  /** Public key of a user → seconds since 1970: what was issued to it until then is refused. */
  readonly revocations: Map<string, number>;
  /** Runs changes of the account's claims one after the other: each replaces the whole. */
  serialised<T>(change: () => Promise<T>): Promise<T>;
}

const keysFile = "bus-keys.json";
const revocationsFile = "bus-revocations.json";

const seed = z.string().regex(/^S[AOU][A-Z2-7]{56}$/);
const keysSchema = z.strictObject({
  v: z.literal(1),
  operator: seed,
  systemAccount: seed,
  systemUser: seed,
  account: seed,
  serverUser: seed,
  clusterPassword: z.string().min(16),
});
const revocationsSchema = z.strictObject({
  v: z.literal(1),
  revoked: z.record(z.string(), z.int().min(0)),
});

/** Makes new keys in `directory`, readable by its owner alone. Keys that are there already are never replaced: `config_invalid`. */
export async function createBusKeys(directory: string): Promise<BusKeys> {
  const text = (pair: KeyPair) => new TextDecoder().decode(pair.getSeed());
  const keys: z.infer<typeof keysSchema> = {
    v: 1,
    operator: text(createOperator()),
    systemAccount: text(createAccount()),
    systemUser: text(createUser()),
    account: text(createAccount()),
    serverUser: text(createUser()),
    clusterPassword: randomBytes(24).toString("base64url"),
  };
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    await writePrivate(join(directory, keysFile), keys, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new GalleyError("config_invalid", `${join(directory, keysFile)} is there already.`, {
      hint: "Agents hold credentials signed by these keys: keep them, or remove the file to start anew.",
    });
  }
  return loadBusKeys(directory);
}

/** `config_invalid` when there are none, or they are damaged. */
export async function loadBusKeys(directory: string): Promise<BusKeys> {
  const keys = await readPrivate(join(directory, keysFile), keysSchema);
  if (!keys)
    throw new GalleyError("config_invalid", `There are no bus keys in ${directory}.`, {
      hint: "`galley server init` makes them.",
    });
  const revoked = await readPrivate(join(directory, revocationsFile), revocationsSchema);
  const pair = (text: string) => fromSeed(new TextEncoder().encode(text));
  let last: Promise<unknown> = Promise.resolve();
  return {
    directory,
    operator: pair(keys.operator),
    systemAccount: pair(keys.systemAccount),
    systemUser: pair(keys.systemUser),
    account: pair(keys.account),
    serverUser: pair(keys.serverUser),
    clusterPassword: keys.clusterPassword,
    revocations: new Map(Object.entries(revoked?.revoked ?? {})),
    serialised: (change) => {
      const result = last.then(change);
      last = result.catch(() => {}); // the caller has it
      return result;
    },
  };
}

/** Keeps the revocations beside the keys, for a bus whose own files are lost. */
export async function saveRevocations(keys: BusKeys): Promise<void> {
  const file = join(keys.directory, revocationsFile);
  await writePrivate(`${file}.next`, { v: 1, revoked: Object.fromEntries(keys.revocations) }, "w");
  await rename(`${file}.next`, file);
}

async function writePrivate(file: string, content: unknown, flags: "w" | "wx"): Promise<void> {
  const handle = await open(file, flags, 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(content, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Undefined when there is no such file. Says of a damaged one only its name, as what is in it is secret. */
async function readPrivate<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new GalleyError("config_invalid", `${file} cannot be read.`, { cause: error });
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new GalleyError("config_invalid", `${file} is damaged.`, { hint: "Restore it from a backup." });
  }
}
