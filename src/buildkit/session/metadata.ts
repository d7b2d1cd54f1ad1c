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

const encodedSuffix = "-encoded";
/** What Go's strconv.ParseBool takes for true: the daemon's own reading of the flag. */
const goTrue = new Set(["1", "t", "T", "true", "True", "TRUE"]);

/**
 * Reads node:http2's flat `rawHeaders` (key, value, key, value ...). Node joins repeated headers in its header object, and a
 * joined list of patterns cannot be taken apart again: hence the raw list. Throws `RangeError` for a value that claims to be
 * escaped and is not: guessing at a lost exclude pattern could send a file that was to stay.
 */
export function decodeMetadata(rawHeaders: readonly string[]): SessionMetadata {
  const raw = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const key = (rawHeaders[at] ?? "").toLowerCase();
    if (key.startsWith(":")) continue;
    const values = raw.get(key);
    const value = rawHeaders[at + 1] ?? "";
    if (values) values.push(value);
    else raw.set(key, [value]);
  }
  const decoded = new Map<string, readonly string[]>();
  for (const [key, values] of raw) {
    const escaped = goTrue.has(raw.get(key + encodedSuffix)?.[0] ?? "");
    decoded.set(key, values.map(escaped ? queryUnescape : headerText));
  }
  return {
    all: (key) => decoded.get(key) ?? [],
    first: (key) => decoded.get(key)?.[0],
  };
}

function headerText(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

/** The inverse of Go's url.QueryEscape: `+` is a space, `%XX` a byte, and the bytes are UTF-8. */
export function queryUnescape(value: string): string {
  const bytes = Buffer.alloc(value.length);
  let length = 0;
  for (let at = 0; at < value.length; at++) {
    const char = value.charCodeAt(at);
    if (char === 0x25) {
      const hex = value.slice(at + 1, at + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) throw new RangeError("invalid escape in an encoded header");
      bytes[length++] = Number.parseInt(hex, 16);
      at += 2;
    } else {
      bytes[length++] = char === 0x2b ? 0x20 : char;
    }
  }
  return bytes.toString("utf8", 0, length);
}
