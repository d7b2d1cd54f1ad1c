import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { BuildKitError } from "../../errors.js";

/** One entry of `auths`. `auth` is base64 of `user:password`. */
export interface DockerAuthEntry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** The proxies of one entry of `proxies`; values may hold passwords. */
export interface DockerProxies {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
  readonly ftpProxy?: string;
  readonly allProxy?: string;
}

/** What docker's config.json says of registries and proxies. */
export interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuthEntry>>;
  /** Suffixes of `docker-credential-<suffix>`, by registry. */
  readonly credHelpers?: Readonly<Record<string, string>>;
  /** The same for all other registries. */
  readonly credsStore?: string;
  /** Proxies of containers and builds, by the engine's address; `default` for all others. */
  readonly proxies?: Readonly<Record<string, DockerProxies>>;
}

/** What a registry is shown. `identity` is an OAuth2 refresh token, `bearer` a finished access token. */
export type RegistryCredentials =
  | { readonly kind: "anonymous" }
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | { readonly kind: "identity"; readonly token: string }
  | { readonly kind: "bearer"; readonly token: string };

const hubKey = "https://index.docker.io/v1/";
const hubNames = ["registry-1.docker.io", "index.docker.io", "docker.io"];

/**
 * Reads `config.json` of a docker configuration directory: `directory`, else `DOCKER_CONFIG`, else `~/.docker`. A file that
 * is not there is an empty configuration. Throws `option_invalid`, without quoting the file.
 */
export async function loadDockerConfig(
  directory?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<DockerConfig> {
  const path = join(directory || env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "an error";
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new BuildKitError("option_invalid", `Docker's configuration ${path} could not be read (${code}).`, {
      cause,
    });
  }
  try {
    return parseDockerConfig(JSON.parse(text));
  } catch {
    // The parser's own message would quote the file, and with it a password.
    throw new BuildKitError("option_invalid", `Docker's configuration ${path} is not valid.`, {
      hint: "It has to be a JSON object; `docker login` writes it.",
    });
  }
}

/** Takes over what has the right type and leaves out the rest. Throws `TypeError` for what is no object. */
export function parseDockerConfig(json: unknown): DockerConfig {
  if (!isObject(json)) throw new TypeError("not an object");
  const auths: Record<string, DockerAuthEntry> = {};
  for (const [key, entry] of Object.entries(isObject(json.auths) ? json.auths : {})) {
    if (isObject(entry))
      auths[key] = strings(entry, ["auth", "username", "password", "identitytoken", "registrytoken"]);
  }
  const helpers = isObject(json.credHelpers) ? json.credHelpers : {};
  const proxies: Record<string, DockerProxies> = {};
  for (const [key, entry] of Object.entries(isObject(json.proxies) ? json.proxies : {})) {
    if (isObject(entry))
      proxies[key] = strings(entry, ["httpProxy", "httpsProxy", "noProxy", "ftpProxy", "allProxy"]);
  }
  return {
    auths,
    ...(Object.keys(proxies).length > 0 ? { proxies } : {}),
    credHelpers: strings(helpers, Object.keys(helpers)),
    ...(typeof json.credsStore === "string" ? { credsStore: json.credsStore } : {}),
  };
}

/** The names under which a registry may be filed, best first. `host` is what the daemon dials: `host` or `host:port`. */
export function configKeys(host: string): readonly string[] {
  return hubNames.includes(host) ? [hubKey, ...hubNames] : [host];
}

/** The helper that is in charge of a registry and the name it is to be asked for; `undefined` where `auths` is. */
export function helperFor(config: DockerConfig, host: string): { helper: string; key: string } | undefined {
  const keys = configKeys(host);
  for (const key of keys) {
    const helper = own(config.credHelpers, key);
    if (helper) return { helper, key };
  }
  return config.credsStore ? { helper: config.credsStore, key: keys[0] ?? host } : undefined;
}

/** What `auths` says of a registry. Old files have URLs as keys. */
export function authEntry(config: DockerConfig, host: string): DockerAuthEntry | undefined {
  const keys = configKeys(host);
  for (const key of keys) {
    const entry = own(config.auths, key);
    if (entry) return entry;
  }
  return Object.entries(config.auths ?? {}).find(([key]) => keys.includes(hostOf(key)))?.[1];
}

/** An entry that says nothing usable is anonymous. */
export function credentialsOf(entry: DockerAuthEntry | undefined): RegistryCredentials {
  if (entry?.registrytoken) return { kind: "bearer", token: entry.registrytoken };
  if (entry?.identitytoken) return { kind: "identity", token: entry.identitytoken };
  const [username, password] = entry?.auth ? splitAuth(entry.auth) : [entry?.username, entry?.password];
  return username && password ? { kind: "password", username, password } : { kind: "anonymous" };
}

function splitAuth(auth: string): [string, string] {
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  // Some writers pad the password with NUL.
  return colon < 0 ? ["", ""] : [text.slice(0, colon), text.slice(colon + 1).replace(/^\0+|\0+$/g, "")];
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
}

/** Names come from the daemon: `constructor` is no registry of ours. */
function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function strings(from: Record<string, unknown>, names: readonly string[]): Record<string, string> {
  const found: [string, string][] = [];
  for (const name of names) {
    const value = from[name];
    if (typeof value === "string") found.push([name, value]);
  }
  return Object.fromEntries(found);
}
