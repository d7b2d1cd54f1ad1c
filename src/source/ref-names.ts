import { GalleyError } from "../errors/index.js";

/** A full commit id: SHA-1 or SHA-256. */
export const isCommitId = (ref: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(ref);

/** What git's own rules for refs forbid cannot name a commit, and could name something else. */
export function checkedRef(ref: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (ref === "" || ref.startsWith("-") || /[\u0000-\u0020\u007f:?*[\\]|\.\.|@\{|\{/.test(ref)) {
    throw new GalleyError("git_ref_not_found", `${JSON.stringify(ref)} is no name of a commit.`, {
      hint: "Give a branch, a tag or a commit id.",
    });
  }
  return ref;
}

/** The same for what is asked of a server: a name, not a way to get somewhere from one (`~`, `^`). */
export function checkedRemoteRef(ref: string): string {
  checkedRef(ref);
  if (/[~^]|\/\/|\/$|\.lock(\/|$)|(^|\/)\.|\.$|^\/|^@$/.test(ref) || ref.length > 500) {
    throw new GalleyError(
      "git_ref_not_found",
      `${JSON.stringify(ref)} is no name of a branch, tag or commit.`,
      {
        hint: "Give a branch, a tag, a full commit id, or a ref such as refs/pull/7/head.",
      },
    );
  }
  return ref;
}

/** Where a commit that was asked for by its id is kept, so that nothing takes it for rubbish. */
export const commitRef = (id: string): string => `refs/commits/${id}`;

/** A pattern of `git ls-remote`: `*` and `?` stand for something. */
export function checkedPattern(pattern: string): string {
  checkedRemoteRef(pattern.replace(/[*?]/g, "x"));
  return pattern;
}
