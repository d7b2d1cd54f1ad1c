import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { BuildKitError } from "../errors.js";
import { type Address, parseAddress } from "./address.js";
import { readTlsFolder } from "./tls-files.js";

const plainPort = 2375;
const tlsPort = 2376;

/** Finds the folder of docker's configuration: `DOCKER_CONFIG`, else `~/.docker`. */
export function dockerConfigFolder(env: NodeJS.ProcessEnv): string {
  return env.DOCKER_CONFIG || join(env.HOME || homedir(), ".docker");
}

/**
 * Finds the Docker Engine the way the docker command does: `DOCKER_HOST` beats `DOCKER_CONTEXT` beats `currentContext` of
 * config.json beats the socket at /var/run/docker.sock.
 *
 * @param context a context to use whatever the environment says
 * @throws BuildKitError option_invalid when a context does not exist or a file cannot be understood
 */
export async function dockerAddress(env: NodeJS.ProcessEnv, context?: string): Promise<Address> {
  if (context === undefined && env.DOCKER_HOST) return environmentAddress(env, env.DOCKER_HOST);
  const folder = dockerConfigFolder(env);
  const name = context ?? (env.DOCKER_CONTEXT || (await currentContext(folder)));
  if (name === undefined || name === "default") {
    return environmentAddress(env, env.DOCKER_HOST || "unix:///var/run/docker.sock");
  }
  return contextAddress(folder, name);
}

async function environmentAddress(env: NodeJS.ProcessEnv, host: string): Promise<Address> {
  const verify = Boolean(env.DOCKER_TLS_VERIFY);
  if (!verify && !env.DOCKER_TLS) return parseAddress(host, plainPort);
  const tls = await readTlsFolder(env.DOCKER_CERT_PATH || dockerConfigFolder(env), !verify);
  return parseAddress(host, tlsPort, tls);
}

async function currentContext(folder: string): Promise<string | undefined> {
  const config = await readJson(join(folder, "config.json"));
  const name = config === undefined ? undefined : (config as { currentContext?: unknown }).currentContext;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Contexts are filed under the sha256 of their name: `contexts/meta/<id>/meta.json`, `contexts/tls/<id>/docker/*.pem`. */
async function contextAddress(folder: string, name: string): Promise<Address> {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = (await readJson(join(folder, "contexts", "meta", id, "meta.json"))) as
    | { Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: unknown } } }
    | undefined;
  if (meta === undefined) {
    throw new BuildKitError("option_invalid", `The docker context "${name}" does not exist`, {
      hint: "`docker context ls` lists them; DOCKER_CONTEXT, DOCKER_HOST or --builder choose another.",
    });
  }
  const endpoint = meta.Endpoints?.docker;
  if (typeof endpoint?.Host !== "string" || endpoint.Host === "") {
    throw new BuildKitError("option_invalid", `The docker context "${name}" has no Docker Engine`, {
      hint: "Choose a context with a docker endpoint: `docker context ls`.",
    });
  }
  const skipVerify = endpoint.SkipTLSVerify === true;
  const tls = await readTlsFolder(join(folder, "contexts", "tls", id, "docker"), skipVerify);
  const wantsTls = skipVerify || Object.keys(tls).length > 0;
  return wantsTls ? parseAddress(endpoint.Host, tlsPort, tls) : parseAddress(endpoint.Host, plainPort);
}

async function readJson(path: string): Promise<unknown> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new BuildKitError("option_invalid", `Cannot read docker's file ${path}`, {
      hint: "It must be JSON, and readable for this user.",
      cause,
    });
  }
}
