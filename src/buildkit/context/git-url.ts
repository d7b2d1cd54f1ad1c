import { posix } from "node:path";
import { BuildKitError } from "../errors.js";

const scpStyle = /^[a-zA-Z0-9_-]+@[a-zA-Z0-9.-]+:(.*?)(?:\?(.*?))?(?:#(.*))?$/s;
const protocol = /^([a-zA-Z0-9]+):\/\//;
/** Query keys that say what a fragment can say as well. */
const fragmentKeys = new Set(["ref", "tag", "branch", "subdir"]);
/** Those that only BuildKit itself can act upon (0.24 and newer). */
const otherKeys = new Set(["checksum", "commit", "keep-git-dir", "submodules", "mtime", "fetch-by-commit"]);

/**
 * Reads a git URL by BuildKit's rules (frontend/dockerfile/dfgitutil, util/gitutil) and returns it in the form that most
 * engines take: what the query says of ref and subdirectory is written as a fragment, `#ref:subdirectory`, which 20.10
 * understands too. Undefined for what BuildKit would not take for git. Throws `context_invalid` for contradictions.
 */
export function parseGitUrl(text: string): string | undefined {
  if (text.startsWith("./") || text.startsWith("../")) return undefined;
  if (!isGitUrl(text)) return undefined;
  const [beforeHash = "", fragment = ""] = splitOnce(text, "#");
  const [remote = "", query = ""] = splitOnce(beforeHash, "?");
  if (query === "") return text;
  const [fragmentRef = "", fragmentDirectory = ""] = splitOnce(fragment, ":");
  const wanted = new Map([
    ["ref", fragmentRef],
    ["subdir", posix.join("/", fragmentDirectory).slice(1)],
  ]);
  const kept = new URLSearchParams();
  const seen = new Set<string>();
  for (const [key, value] of new URLSearchParams(query)) {
    if (seen.has(key)) throw invalid(text, `names ${key} twice`);
    seen.add(key);
    if (otherKeys.has(key)) kept.append(key, value);
    else if (!fragmentKeys.has(key)) throw invalid(text, `has the unknown query ${key}`);
    else if (value === "") throw invalid(text, `gives no value to ${key}`);
    else if (key === "tag") agree(text, wanted, "ref", prefixed("refs/tags/", value));
    else if (key === "branch") agree(text, wanted, "ref", prefixed("refs/heads/", value));
    else agree(text, wanted, key, value);
  }
  if (seen.has("tag") && seen.has("branch")) throw invalid(text, "names a tag and a branch");
  const ref = wanted.get("ref") ?? "";
  const subdirectory = wanted.get("subdir") ?? "";
  const rest = kept.size === 0 ? "" : `?${kept.toString()}`;
  if (ref === "" && subdirectory === "") return remote + rest;
  return `${remote}${rest}#${ref}${subdirectory === "" ? "" : `:${subdirectory}`}`;
}

function isGitUrl(text: string): boolean {
  if (text.startsWith("github.com/")) return true;
  const scheme = protocol.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return scpStyle.test(text);
  if (scheme === "ssh" || scheme === "git") return true;
  if (scheme !== "http" && scheme !== "https") return false;
  // Over http only what ends in .git is a repository; anything else is a file to download.
  return (
    (text.split(/[?#]/)[0] ?? "").endsWith(".git") && !/^https?:\/\/[^/]*$/i.test(text.split(/[?#]/)[0] ?? "")
  );
}

function agree(text: string, wanted: Map<string, string>, key: string, value: string): void {
  const known = wanted.get(key) ?? "";
  if (known !== "" && known !== value) throw invalid(text, `names two values for ${key}`);
  wanted.set(key, value);
}

function prefixed(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name : prefix + name;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function invalid(url: string, what: string): BuildKitError {
  const shown = url.replace(/\/\/[^/@]*@/, "//***@");
  return new BuildKitError("context_invalid", `The git URL ${shown} ${what}.`, {
    hint: "For example https://example.com/app.git#main:services/web or ...app.git?branch=main&subdir=services/web.",
  });
}
