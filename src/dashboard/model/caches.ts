// What the pages of caches work out of the answers.
import type { CacheAnswer } from "../../cache-api/index.js";
import { formatBytes } from "./format.js";

export type Repository = CacheAnswer<"ls">[number];
export type Kept = CacheAnswer<"show">;
export type Mount = Kept["mounts"][number];
export type Held = Kept["kept"][number];
export type Usage = CacheAnswer<"du">;

export interface Part {
  readonly name: string;
  readonly bytes: number;
}

/** The largest by name, and what is left of them as one. */
export function largest(parts: readonly Part[], most: number, rest: (count: number) => string): Part[] {
  const sorted = parts.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes);
  if (sorted.length <= most) return sorted;
  const left = sorted.slice(most - 1);
  const bytes = left.reduce((sum, part) => sum + part.bytes, 0);
  return [...sorted.slice(0, most - 1), { name: rest(left.length), bytes }];
}

/** Part of a whole, from 0 to 1. */
export const shareOf = (part: number, whole: number): number =>
  whole > 0 ? Math.min(1, Math.max(0, part / whole)) : 0;

/** `87 %`; nothing where there is nothing to tell. */
export const percent = (share: number | null): string =>
  share === null ? "" : `${Math.round(share * 100)} %`;

/** A build of a deployment is named after both: `dep0abc-web`. */
export function deploymentOf(build: string): { readonly deployment: string; readonly service: string } {
  const dash = build.indexOf("-");
  return dash === -1
    ? { deployment: build, service: "" }
    : { deployment: build.slice(0, dash), service: build.slice(dash + 1) };
}

/** `github.com-acme-shop-0123456789ab` without the digest that tells it apart from others. */
export const shortKey = (repoKey: string): string => repoKey.replace(/-[0-9a-f]{12}$/, "");

/** Milliseconds that the next builds take longer when these mounts are gone: those that are known, of each once. */
export const costOf = (mounts: readonly Mount[]): number =>
  mounts.reduce((sum, { cost }) => sum + (cost ?? 0), 0);

/** What is kept beside stored mounts, which have a table of their own: kind by kind, the largest first. */
export const heldBeside = (kept: readonly Held[]): Held[] =>
  kept
    .filter(({ kind }) => kind !== "mount")
    .sort((a, b) => (a.kind === b.kind ? b.size - a.size : a.kind < b.kind ? -1 : 1));

/** What a repository has on the agent's disk beside its mirror: stored mounts and layers. */
export const storedOf = ({
  storedBytes,
  layerBytes,
}: Pick<Repository, "storedBytes" | "layerBytes">): number => storedBytes + layerBytes;

/** What takes an agent's disk, as far as it says: what is stored, and the rest of what is used. */
export function partsOfDisk(
  { stored, layers, mirrors }: Pick<Usage, "stored" | "layers" | "mirrors">,
  { free, total }: { readonly free: number; readonly total: number },
): Part[] {
  const rest = total - free - stored - layers - mirrors;
  return [
    { name: "stored mounts", bytes: stored },
    { name: "stored layers", bytes: layers },
    { name: "mirrors", bytes: mirrors },
    { name: "everything else", bytes: rest },
  ].filter(({ bytes }) => bytes > 0);
}

/** A reason as agents give it, with its bytes as people read them. */
export const readableWhy = (why: string): string =>
  why.replace(/\b(\d+) bytes\b/g, (_, bytes: string) => formatBytes(Number(bytes)));

/** What something is called: a mirror has nothing but its kind, and an image's name without its key is the project's. */
export const heldName = ({ kind, name, what }: Held): string =>
  what !== "" ? what : kind === "image" ? name.slice(0, 19) : name;
