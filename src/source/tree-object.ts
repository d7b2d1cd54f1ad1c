/** What a directory has under a name. */
export interface TreeObjectEntry {
  /** As `git ls-tree` writes it, with six digits. */
  readonly mode: string;
  readonly id: string;
}

/**
 * Reads git's binary form of a directory: `<mode> <name>\0<id>`, one after the other. Undefined when it is something else.
 *
 * @param idBytes of an object's id: 20, or 32 in a repository of SHA-256
 */
export function parseTreeObject(
  content: Buffer,
  idBytes: number,
): ReadonlyMap<string, TreeObjectEntry> | undefined {
  const entries = new Map<string, TreeObjectEntry>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const end = content.indexOf(0, space);
    if (space < 0 || end < 0 || end + 1 + idBytes > content.length) return undefined;
    const mode = content.toString("latin1", at, space);
    if (!/^[0-7]{5,6}$/.test(mode)) return undefined;
    const id = content.toString("hex", end + 1, end + 1 + idBytes);
    entries.set(content.toString("utf8", space + 1, end), { mode: mode.padStart(6, "0"), id });
    at = end + 1 + idBytes;
  }
  return entries;
}
