import type { DockerProxies } from "../buildkit/index.js";

const names: readonly (readonly [keyof DockerProxies, string])[] = [
  ["httpProxy", "HTTP_PROXY"],
  ["httpsProxy", "HTTPS_PROXY"],
  ["noProxy", "NO_PROXY"],
  ["ftpProxy", "FTP_PROXY"],
  ["allProxy", "ALL_PROXY"],
];

/**
 * The proxies of docker's configuration as build arguments, in capitals and in small letters, as docker gives them to
 * containers. `hosts`: how the engine's address may be written; the first that has an entry counts, else `default`. BuildKit
 * keeps these arguments out of the image and its cache keys.
 */
export function proxyArgs(
  proxies: Readonly<Record<string, DockerProxies>> = {},
  hosts: readonly (string | undefined)[] = [],
): Record<string, string> {
  const named = hosts.find((host) => host !== undefined && Object.hasOwn(proxies, host));
  const key = named ?? "default";
  const entry = Object.hasOwn(proxies, key) ? proxies[key] : undefined;
  const args: Record<string, string> = {};
  for (const [field, name] of names) {
    const value = entry?.[field];
    if (value) args[name] = args[name.toLowerCase()] = value;
  }
  return args;
}

/** Build arguments with the proxies behind them: an argument that was given counts for either way to write its name. */
export function withProxies(
  buildArgs: Readonly<Record<string, string>>,
  proxies: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const given = new Set(Object.keys(buildArgs).map((name) => name.toUpperCase()));
  const wanted = Object.entries(proxies).filter(([name]) => !given.has(name.toUpperCase()));
  return { ...Object.fromEntries(wanted), ...buildArgs };
}
