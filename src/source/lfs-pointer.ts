/** What stands in a repository for a file that is kept elsewhere. */
export interface LfsPointer {
  /** SHA-256 of the content, 64 hexadecimal digits. */
  readonly oid: string;
  /** Bytes. */
  readonly size: number;
}

/** Longer ones are no pointers (git-lfs docs/spec.md). */
export const longestPointer = 1023;

/**
 * Reads a pointer file as git-lfs's specification has it: lines of `key value`, `version` first, then sorted. Undefined for what
 * is none, which git-lfs leaves as it is, and for those with extensions, which need a program to be run.
 */
export function parsePointer(blob: Buffer): LfsPointer | undefined {
  if (blob.length > longestPointer) return undefined;
  const lines = blob.toString("utf8").trimEnd().split("\n");
  if (!/^version https:\/\/(git-lfs\.github|hawser\.github)\.com\/spec\/v1\r?$/.test(lines[0] ?? ""))
    return undefined;
  if (lines.some((line) => line.startsWith("ext-"))) return undefined;
  const value = (key: string) =>
    lines
      .find((line) => line.startsWith(`${key} `))
      ?.slice(key.length + 1)
      .trimEnd() ?? "";
  const oid = /^sha256:([0-9a-f]{64})$/.exec(value("oid"))?.[1];
  const size = /^\d{1,15}$/.test(value("size")) ? Number(value("size")) : undefined;
  return oid === undefined || size === undefined ? undefined : { oid, size };
}

/** Where an object lies below a repository, here as in git-lfs's own store. */
export const objectPath = (oid: string): string => `lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`;
