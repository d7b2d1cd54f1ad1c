import { GalleyError } from "../errors/index.js";

/** The address of a repository elsewhere, taken apart. */
export interface Remote {
  readonly kind: "http" | "ssh" | "file";
  readonly protocol: "https" | "http" | "ssh" | "file";
  /** What git is given, and what messages name. Never holds a user's password. */
  readonly url: string;
  /** In lower case, IPv6 without brackets; empty for files. */
  readonly host: string;
  readonly port: number | undefined;
  /** Of ssh, when the address names one. */
  readonly user: string | undefined;
  /** As the server gets it: with a leading slash except in the short form of ssh. */
  readonly path: string;
}

const hint = "Give an address such as https://github.com/acme/shop.git or git@github.com:acme/shop.git.";

/**
 * Takes an address apart: http, https, ssh, `git@host:path`; a path or a file URL only where `allowFile`. Throws
 * `config_invalid` for everything else (`ext::` and other helpers above all), and for addresses that hold a password: it
 * would stand on a command line.
 */
export function parseRemote(address: string, allowFile: boolean): Remote {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  const clean = !/[\u0000-\u0020\u007f]/.test(address) && address !== "" && address.length <= 2048;
  if (!clean || address.startsWith("-")) {
    throw refused("That is not the address of a git repository.");
  }
  if (/^https?:\/\//i.test(address)) return parseHttp(address);
  if (/^ssh:\/\//i.test(address)) return parseSsh(address);
  if (address.startsWith("/") || /^file:\/\/\//i.test(address)) {
    if (!allowFile) throw refused("Repositories of this machine's file system are not read here.");
    const path = address.replace(/^file:\/\//i, "");
    return {
      kind: "file",
      protocol: "file",
      url: `file://${path}`,
      host: "",
      port: undefined,
      user: undefined,
      path,
    };
  }
  const short = /^(?:([\w.+-]+)@)?([\w.-]+|\[[0-9a-f:.]+\]):(?!:)(?!\/\/)(.+)$/i.exec(address);
  if (short !== null) {
    const [, user, host = "", path = ""] = short;
    return ssh(address, host, undefined, user, path);
  }
  const scheme = /^([\w+.-]+):/.exec(address)?.[1];
  throw refused(
    scheme === undefined
      ? "That is not the address of a git repository."
      : `Repositories are not read over ${scheme}.`,
  );
}

function parseHttp(address: string): Remote {
  const url = parsed(address);
  if (url.password !== "") throw withPassword();
  // The name comes with the credential; in the address it would only keep other names from matching.
  url.username = "";
  if (url.search !== "" || url.hash !== "") throw refused("The address of a repository has no ? and no #.");
  const protocol = url.protocol === "https:" ? "https" : "http";
  return {
    kind: "http",
    protocol,
    url: url.href,
    host: bare(url.hostname),
    port: url.port === "" ? undefined : Number(url.port),
    user: undefined,
    path: url.pathname,
  };
}

function parseSsh(address: string): Remote {
  const url = parsed(address);
  if (url.password !== "") throw withPassword();
  const port = url.port === "" ? undefined : Number(url.port);
  return ssh(address, url.hostname, port, url.username || undefined, decodeURIComponent(url.pathname));
}

function ssh(
  url: string,
  host: string,
  port: number | undefined,
  user: string | undefined,
  path: string,
): Remote {
  // ssh would take such a name for an option.
  if (host === "" || host.startsWith("-") || path === "" || path.startsWith("-") || user?.startsWith("-")) {
    throw refused("That is not the address of a git repository.");
  }
  return { kind: "ssh", protocol: "ssh", url, host: bare(host), port, user, path };
}

function parsed(address: string): URL {
  try {
    const url = new URL(address);
    if (url.hostname !== "" && url.pathname.length > 1) return url;
  } catch {
    // Said below.
  }
  throw refused("That is not the address of a git repository.");
}

const bare = (host: string) => host.toLowerCase().replace(/^\[|\]$/g, "");

function refused(message: string): GalleyError {
  return new GalleyError("config_invalid", message, { hint });
}

function withPassword(): GalleyError {
  return new GalleyError("config_invalid", "The address of the repository holds a password or token.", {
    hint: "Take it out of the address and give it as the repository's credential.",
  });
}

/** Same protocol, host and port: where a credential may go. */
export function sameOrigin(one: Remote, other: Remote): boolean {
  return one.protocol === other.protocol && one.host === other.host && one.port === other.port;
}

/**
 * The address of a submodule as `.gitmodules` has it: one that begins with `./` or `../` is relative to the address of the
 * repository that holds it (git-submodule(1)), every `../` taking off one component. Throws `config_invalid` when there
 * is nothing left to take off.
 */
export function resolveSubmodule(parent: string, address: string): string {
  if (!/^\.\.?(\/|$)/.test(address)) return address;
  const [, place = "", path = ""] = /^([\w+.-]+:\/\/[^/]*\/|[^/:]*:\/?|\/)(.*)$/.exec(parent) ?? [];
  const parts = path.split("/").filter((part) => part !== "");
  for (const part of address.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw refused("The address of a submodule leads out of its host.");
  }
  if (place === "" || parts.length === 0) throw refused("The address of a submodule leads out of its host.");
  return place + parts.join("/");
}
