import { createHash } from "node:crypto";

/** What may be asked for: the head of a pull request, or a branch, tag or commit. */
export type Target = { readonly pr: number } | { readonly ref: string };

/** A label of a host name has 63 characters at most; with a project's name of 40 and `ref-` so much is left. */
const longestSlug = 18;

/** The environment's name and the ref to fetch. The same target has the same environment. */
export function environmentOf(target: Target): { name: string; pr: number | null; ref: string } {
  if ("pr" in target) return { name: `pr-${target.pr}`, pr: target.pr, ref: `refs/pull/${target.pr}/head` };
  return { name: `ref-${slug(target.ref)}`, pr: null, ref: target.ref };
}

/** Readable where it can be; what had to be changed gets a bit of its hash, so that two refs never share a name. */
function slug(ref: string): string {
  const short = ref.replace(/^refs\/(heads|tags)\//, "");
  if (/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(short) && short.length <= longestSlug && short === ref)
    return short;
  const hash = createHash("sha256").update(ref).digest("hex").slice(0, 6);
  const readable = short
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, longestSlug - hash.length - 1)
    .replace(/^-+|-+$/g, "");
  return readable === "" ? hash : `${readable}-${hash}`;
}

/** What git takes for the name of a ref or the id of a commit, and no option or revision syntax. */
export const refPattern =
  /^(?![-/.])(?!.*(\.\.|@\{|\/\/|\/\.|\.lock(\/|$)))[^\s~^:?*[\\\p{Cc}]{1,200}(?<![./])$/u;
