import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { GalleyError } from "../errors/index.js";

const credentialSchema = z.object({
  v: z.literal(1),
  agent: z.object({ id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/), name: z.string() }),
  /** Of the server that issued it. */
  controlPlaneUrl: z.string(),
  /** SHA-256 of the token it was exchanged for: another token asks for another credential. */
  tokenHash: z.string().nullable(),
  publicKey: z.string(),
  /** Private; stays in this file and this process. */
  seed: z.string(),
  jwt: z.string(),
  expiresAt: z.iso.datetime(),
  renewAfter: z.iso.datetime(),
});

/** What an agent holds to be itself on the bus, and to renew that. */
export type AgentCredential = z.infer<typeof credentialSchema>;

const fileIn = (dataDirectory: string) => join(dataDirectory, "agent", "credential.json");

/**
 * Undefined where there is none, or none that can be used: a file that was cut off or tampered with is worth no more than none.
 *
 * @throws GalleyError config_invalid when the directory may not be read
 */
export async function readCredential(dataDirectory: string): Promise<AgentCredential | undefined> {
  let text: string;
  try {
    text = await readFile(fileIn(dataDirectory), "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(dataDirectory, cause);
  }
  try {
    return credentialSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Writes it for this user alone; whoever reads meanwhile gets the old or the new one, never a part. */
export async function writeCredential(dataDirectory: string, credential: AgentCredential): Promise<void> {
  const file = fileIn(dataDirectory);
  const next = `${file}.${randomUUID()}`;
  try {
    await mkdir(join(dataDirectory, "agent"), { recursive: true, mode: 0o700 });
    const handle = await open(next, "wx", 0o600);
    try {
      await handle.writeFile(JSON.stringify(credential));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (cause) {
    await rm(next, { force: true }).catch(() => {});
    throw unusable(dataDirectory, cause);
  }
}

function unusable(dataDirectory: string, cause: unknown): GalleyError {
  const code = (cause as NodeJS.ErrnoException).code ?? "an error";
  return new GalleyError("config_invalid", `GALLEY_DATA_DIR ${dataDirectory} cannot be used (${code}).`, {
    hint: "It has to be a directory that the agent's user may write to.",
    cause,
  });
}
