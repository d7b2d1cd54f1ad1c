import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";

/** Where a local installation keeps everything; deleting it starts anew. */
export interface Layout {
  readonly root: string;
  /** Database and keys of the bus. */
  readonly server: string;
  /** Mirrors, caches, credential: the agent's GALLEY_DATA_DIR. */
  readonly agent: string;
  /** Streams of the bus. */
  readonly bus: string;
  readonly logs: string;
}

const secrets = z.object({
  masterKey: z.string(),
  /** Of the first user, whom `galley up` sets up. */
  email: z.string(),
  password: z.string(),
  apiToken: z.string().optional(),
  agentToken: z.string().optional(),
});
export type LocalSecrets = z.infer<typeof secrets>;

/** The directory that was asked for, else the one of this user. */
export const layoutOf = (asked: string | undefined, env: NodeJS.ProcessEnv): string =>
  resolve(asked ?? join(env.XDG_DATA_HOME || join(env.HOME || homedir(), ".local/share"), "galley"));

export function openLayout(root: string): Layout {
  const layout = {
    root,
    server: join(root, "server"),
    agent: join(root, "agent"),
    bus: join(root, "bus"),
    logs: join(root, "logs"),
  };
  for (const folder of Object.values(layout)) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return layout;
}

/** Where the ingress and the agent meet; undefined where the path is longer than one of a socket may be. */
export function ingressSocket({ root }: Layout): string | undefined {
  const path = join(root, "ingress.sock");
  return Buffer.byteLength(path) <= 100 ? path : undefined;
}

export const secretsFile = ({ root }: Pick<Layout, "root">): string => join(root, "secrets.json");

/** What was drawn at the first run. */
export function readSecrets(layout: Layout): LocalSecrets {
  const file = secretsFile(layout);
  if (!existsSync(file)) {
    const drawn = {
      masterKey: randomBytes(32).toString("hex"),
      email: "admin@galley.localhost",
      password: randomBytes(18).toString("base64url"),
    };
    writeSecrets(layout, drawn);
    return drawn;
  }
  try {
    return secrets.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new GalleyError("config_invalid", `${file} is damaged.`, {
      hint: `Its master key opens the secrets in the database. Restore it, or delete ${layout.root} to start anew.`,
      cause: error,
    });
  }
}

export function writeSecrets(layout: Layout, next: LocalSecrets): void {
  const file = secretsFile(layout);
  writeFileSync(`${file}.new`, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
