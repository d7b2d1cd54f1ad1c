import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { BuildKitError } from "../errors.js";
import { parseGitUrl } from "./git-url.js";

/** What the positional argument of a build, or the source of a named context, means. */
export type ContextArgument =
  | { readonly kind: "stdin" }
  | { readonly kind: "directory"; readonly path: string }
  /** A commit of a repository on this machine, `PATH#REF[:SUBDIRECTORY]`. Not one of buildx's forms. */
  | {
      readonly kind: "local-git";
      readonly repository: string;
      readonly ref: string;
      readonly subdirectory?: string;
    }
  /** Fetched by BuildKit: the frontend attribute `context` is `url`. */
  | { readonly kind: "git"; readonly url: string }
  | { readonly kind: "http"; readonly url: string };

/**
 * Classifies an argument with buildx's rules and in buildx's order: `-`, a directory that exists, a git or http URL
 * (`github.com/...`, `git@host:...`, `*.git`, `#ref:subdirectory`, `?ref=&subdir=`). Throws `context_not_found` for what is
 * none of them, `context_invalid` for a file and for a git URL that contradicts itself. Errors never show the user part of a URL.
 */
export function parseContextArgument(argument: string): ContextArgument {
  if (argument === "-") return { kind: "stdin" };
  if (argument === "") {
    throw new BuildKitError("context_not_found", "The build context is missing.", {
      hint: 'Give a directory (for example "."), a git or http URL, or - for stdin.',
    });
  }
  const found = statSync(argument, { throwIfNoEntry: false });
  if (found?.isDirectory()) return { kind: "directory", path: argument };
  const local = localGit(argument);
  if (local !== undefined) return local;
  const git = parseGitUrl(argument);
  if (git !== undefined) return { kind: "git", url: git };
  if (/^https?:\/\//.test(argument)) return { kind: "http", url: argument };
  if (found !== undefined) {
    throw new BuildKitError("context_invalid", `The build context ${argument} is a file, not a directory.`, {
      hint: "Give the directory that holds the files; the Dockerfile is named with --file.",
    });
  }
  const shown = argument.replace(/\/\/[^/@]*@/, "//***@");
  throw new BuildKitError("context_not_found", `The build context ${shown} does not exist.`, {
    hint: "Give a directory, a git or http URL, or - for stdin.",
  });
}

function localGit(argument: string): ContextArgument | undefined {
  const hash = argument.indexOf("#");
  if (hash <= 0) return undefined;
  const repository = argument.slice(0, hash);
  if (!existsSync(join(repository, ".git")) && !isBare(repository)) return undefined;
  const fragment = argument.slice(hash + 1);
  const colon = fragment.indexOf(":");
  const ref = (colon < 0 ? fragment : fragment.slice(0, colon)) || "HEAD";
  const subdirectory = colon < 0 ? "" : fragment.slice(colon + 1);
  return { kind: "local-git", repository, ref, ...(subdirectory === "" ? {} : { subdirectory }) };
}

function isBare(path: string): boolean {
  return ["HEAD", "objects", "refs"].every((name) => existsSync(join(path, name)));
}
