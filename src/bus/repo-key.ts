import { createHash } from "node:crypto";
import { GalleyError } from "../errors/index.js";

const defaultPorts: Readonly<Record<string, string>> = { http: "80", https: "443", ssh: "22", git: "9418" };

/**
 * The stable, file-system-safe name of a repository: what is kept for it on disk is filed under it. Forms of one address give
 * one key: https, http and ssh, `git@host:path`, upper and lower case (forges ignore it), `.git` and slashes at the end, a
 * port that is the protocol's own, user and password. Other hosts, other ports, other paths and other ssh users than `git`
 * give other keys. Matches `^[a-z0-9][a-z0-9.-]{12,100}$`; the digest at its end is what tells repositories apart.
 *
 * Throws `invalid_request` for what is no address of a repository. The message does not repeat it: it could hold a password.
 */
export function repoKeyOf(url: string): string {
  const { host, path } = normalForm(url.trim());
  const digest = createHash("sha256").update(`${host}/${path}`).digest("hex").slice(0, 12);
  const readable = `${host}-${path}`
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 80)
    .replace(/[-.]+$/, "");
  return `${readable}-${digest}`;
}

function normalForm(url: string): { host: string; path: string } {
  const file = /^(?:file:\/\/)?(\/.*)$/.exec(url);
  // Paths of a file system keep their case, and cannot be mistaken for a host's.
  if (file !== null) return { host: "local", path: `/${trimmed(file[1] ?? "")}` };
  const full =
    /^(https?|ssh|git|git\+ssh):\/\/(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[^:/@[\]]+)(?::(\d+))?\/(.*)$/i.exec(url);
  if (full !== null) {
    const [, scheme = "", user, host = "", port = "", path = ""] = full;
    const kind = scheme.toLowerCase().replace("git+", "");
    return remote(host, port === defaultPorts[kind] ? "" : port, kind === "ssh" ? user : undefined, path);
  }
  const short = /^(?:([^@/:]+)@)?(\[[0-9a-f:.]+\]|[^:/@[\]]+):(?!\/\/)(.+)$/i.exec(url);
  if (short !== null) return remote(short[2] ?? "", "", short[1], short[3] ?? "");
  throw notAnAddress();
}

function remote(host: string, port: string, login: string | undefined, path: string) {
  const clean = trimmed(decoded(path)).toLowerCase();
  if (clean === "" || /[\0\n]/.test(clean)) throw notAnAddress();
  const user = login?.split(":")[0]?.toLowerCase() ?? "git";
  const place = host.toLowerCase().replace(/\.$/, "") + (port === "" ? "" : `:${port}`);
  return { host: user === "git" ? place : `${user}@${place}`, path: clean };
}

function trimmed(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const last = parts.pop()?.replace(/\.git$/i, "");
  return last === undefined || last === "" ? parts.join("/") : [...parts, last].join("/");
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function notAnAddress(): GalleyError {
  return new GalleyError("invalid_request", "That is not the address of a git repository.", {
    hint: "Give an address such as https://github.com/acme/shop or git@github.com:acme/shop.git.",
  });
}
