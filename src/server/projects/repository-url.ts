import { repoKeyOf } from "../../bus/index.js";
import { GalleyError } from "../../errors/index.js";

export interface RepositoryUrl {
  /** As it is kept and handed to git: without user and password, but for the user of ssh. */
  readonly url: string;
  /** In lower case; null for a path. A credential is meant for this host and no other. */
  readonly host: string | null;
  /** A stable, file-system-safe name, the same for all ways to write one repository. */
  readonly repoKey: string;
}

const host = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;
const user = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
// What a shell, git or a file name could take for something else.
const path = /^[^\s\p{C}?#\\"'`$;&|<>(){}*]+$/u;

/**
 * Takes https, http and ssh URLs, `[user@]host:path`, and with `allowLocal` a path or file URL. Throws `git_repository_invalid` for
 * anything else: git knows more, such as `ext::`, which runs commands.
 */
export function parseRepositoryUrl(text: string, options: { allowLocal: boolean }): RepositoryUrl {
  const url = text.trim();
  if (url.length > 500) throw refuse("it is longer than 500 characters");
  if (/[\s\p{C}]/u.test(url)) throw refuse("it has a blank or a control character in it");
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return byProtocol(url, options);
  if (url.startsWith("/")) return local(url, options);
  const [, name, at, where] = /^(?:([^@:/]+)@)?([^@:/]+):([^:].*)$/.exec(url) ?? [];
  if (at === undefined || where === undefined || !host.test(at) || (name !== undefined && !user.test(name)))
    throw refuse("that is neither a URL nor `user@host:path`");
  checkPath(where);
  return { url, host: at.toLowerCase(), repoKey: repoKeyOf(url) };
}

function byProtocol(url: string, options: { allowLocal: boolean }): RepositoryUrl {
  if (!URL.canParse(url)) throw refuse("that is not a URL");
  const parsed = new URL(url);
  const { protocol, username, password, hostname, pathname } = parsed;
  if (protocol === "file:") {
    if (hostname !== "" && hostname !== "localhost") throw refuse("a file URL has no host");
    return local(decodeURIComponent(pathname), options);
  }
  if (!/^(https?|ssh):$/.test(protocol)) throw refuse(`${protocol}// is not among https, http and ssh`);
  if (password !== "" || (username !== "" && protocol !== "ssh:"))
    throw refuse(
      "it holds a user or password",
      "Set them as the project's credential, where they are kept encrypted.",
    );
  if (username !== "" && !user.test(username)) throw refuse("its user is not one");
  if (!host.test(hostname) && !/^\[[0-9a-f:.]+\]$/i.test(hostname)) throw refuse("its host is not one");
  if (parsed.search !== "" || parsed.hash !== "")
    throw refuse("a repository's URL has no query and no fragment");
  if (/%(0|1|7f)/i.test(pathname)) throw refuse("its path has a control character in it");
  checkPath(pathname.slice(1));
  return {
    url: parsed.href,
    host: hostname.toLowerCase(),
    repoKey: repoKeyOf(parsed.href),
  };
}

function local(where: string, options: { allowLocal: boolean }): RepositoryUrl {
  if (!options.allowLocal)
    throw refuse(
      "it is a path of the server's machine",
      "Local repositories are for trying things out: GALLEY_ALLOW_LOCAL_REPOSITORIES=true allows them.",
    );
  checkPath(where.slice(1));
  return { url: where, host: null, repoKey: repoKeyOf(where) };
}

function checkPath(text: string): void {
  if (!path.test(text) || text.startsWith("-") || text.split("/").includes(".."))
    throw refuse("its path is not one");
}

const refuse = (why: string, hint?: string) =>
  new GalleyError("git_repository_invalid", `The repository's URL is not accepted: ${why}.`, {
    hint: hint ?? "Give it as https://host/path, ssh://user@host/path or user@host:path.",
  });
