/**
 * The headers of a call that the daemon makes, with repeated keys kept apart. Values are decoded text: latin1 header bytes
 * read as UTF-8, and query-unescaped where `<key>-encoded: 1` says so (BuildKit 0.13+).
 */
export interface SessionMetadata {
  /** All values of a key (lower case), in order; empty when absent. */
  all(key: string): readonly string[];
  /** The first value of a key. */
  first(key: string): string | undefined;
}
