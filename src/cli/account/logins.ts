import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { usageError } from "../usage-error.js";

const login = z.object({
  token: z.string(),
  /** Null for a token that was brought along: we did not make it, and do not revoke it. */
  tokenId: z.string().nullable(),
  email: z.string(),
});
export type Login = z.infer<typeof login>;

const file = z.object({
  /** Origin of the server that commands talk to. */
  current: z.string().nullable(),
  servers: z.record(z.string(), login),
});
export type Logins = z.infer<typeof file>;

/** `$XDG_CONFIG_HOME/galley/config.json`, else below `~/.config`. A relative XDG_CONFIG_HOME does not count, as its specification says. */
export function loginsFile(env: NodeJS.ProcessEnv): string {
  const xdg = env.XDG_CONFIG_HOME;
  const base = xdg?.startsWith("/") ? xdg : join(env.HOME || homedir(), ".config");
  return join(base, "galley", "config.json");
}

/** Throws `config_invalid` for a file that is not ours. */
export async function readLogins(env: NodeJS.ProcessEnv): Promise<Logins> {
  const path = loginsFile(env);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { current: null, servers: {} };
    throw new GalleyError("config_invalid", `${path} cannot be read.`, {
      hint: "See to whom the file belongs.",
      cause: error,
    });
  }
  try {
    return file.parse(JSON.parse(text));
  } catch (error) {
    throw new GalleyError("config_invalid", `${path} is not what \`galley login\` writes.`, {
      hint: "Remove the file and run `galley login` again.",
      cause: error,
    });
  }
}

/** Whole or not at all, and for nobody else to read. */
export async function writeLogins(env: NodeJS.ProcessEnv, logins: Logins): Promise<void> {
  const path = loginsFile(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await writeFile(beside, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    // The umask may have taken more than it should.
    await chmod(beside, 0o600);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw new GalleyError("config_invalid", `${path} cannot be written.`, {
      hint: "See to whom the directory belongs, and that its disk has room.",
      cause: error,
    });
  }
}

/**
 * The origin that an address means. Without a scheme it is https, and http for this machine itself. Throws `usage` for what is no
 * address of a server.
 */
export function serverUrl(text: string): string {
  const bare = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? undefined : text;
  const here = bare !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?\/?$/i.test(bare);
  const whole = bare === undefined ? text : `${here ? "http" : "https"}://${bare}`;
  const hint = "The form is https://HOST or http://HOST:PORT.";
  if (!URL.canParse(whole)) throw usageError("That is not the address of a server.", hint);
  const { protocol, username, password, pathname, search, hash, origin } = new URL(whole);
  if (!/^https?:$/.test(protocol)) throw usageError(`${protocol}// is not how a server is reached.`, hint);
  if (username !== "" || password !== "")
    throw usageError("The address has a user or password in it.", "`galley login` asks for them.");
  if (pathname !== "/" || search !== "" || hash !== "")
    throw usageError("The address has a path behind the host.", hint);
  return origin;
}

/** Where a command goes, and with what: GALLEY_URL and GALLEY_TOKEN go before what `galley login` has kept. */
export async function currentLogin(env: NodeJS.ProcessEnv): Promise<{ url: string; token: string }> {
  const named = env.GALLEY_URL ? serverUrl(env.GALLEY_URL) : undefined;
  if (named && env.GALLEY_TOKEN) return { url: named, token: env.GALLEY_TOKEN };
  const { current, servers } = await readLogins(env);
  const url = named ?? current;
  if (url === null)
    throw new GalleyError("unauthorized", "You are not signed in to any server.", {
      hint: "Run `galley login URL`, or set GALLEY_URL and GALLEY_TOKEN.",
    });
  const token = env.GALLEY_TOKEN || servers[url]?.token;
  if (!token)
    throw new GalleyError("unauthorized", `You are not signed in to ${url}.`, {
      hint: `Run \`galley login ${url}\`, or set GALLEY_TOKEN.`,
    });
  return { url, token };
}
