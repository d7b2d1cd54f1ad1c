import { GalleyError } from "../src/errors/index.js";
import { bareName, entryName, nameIn, sizeOf } from "./tar-headers.js";

const block = 512;
/** A longer one is no name. */
const longestName = 64 * 1024;

/**
 * The entries of an archive that are not among `left`, without what ends it. Names are `a/b`, without `./` before and `/` behind them.
 *
 * @throws GalleyError cache_damaged for what is no tar
 */
export async function* keptEntries(
  archive: AsyncIterable<Buffer>,
  left: ReadonlySet<string>,
): AsyncGenerator<Buffer> {
  /** Of a header that lies across two pieces. */
  let begun: Buffer = Buffer.alloc(0);
  /** Bytes of the entry under way that are still to come, and whether it is kept. */
  let rest = 0;
  let keep = true;
  /** Entries that only say something of the next one, which decides about them. */
  let before: Buffer[] = [];
  let inBefore = false;
  let longName: string | undefined;
  let named: "L" | "x" | undefined;
  let nameParts: Buffer[] = [];
  let nameBytes = 0;
  for await (const piece of archive) {
    const bytes = begun.length > 0 ? Buffer.concat([begun, piece]) : piece;
    begun = Buffer.alloc(0);
    let at = 0;
    /** Where what is kept begins that was not yielded yet. */
    let from = 0;
    while (at < bytes.length) {
      if (rest > 0) {
        const step = Math.min(rest, bytes.length - at);
        if (inBefore) {
          const part = Buffer.from(bytes.subarray(at, at + step));
          before.push(part);
          if (named) nameParts.push(part);
          from = at + step;
        } else if (!keep) from = at + step;
        rest -= step;
        at += step;
        continue;
      }
      if (named) {
        longName = nameIn(Buffer.concat(nameParts).subarray(0, nameBytes), named) ?? longName;
        nameParts = [];
        named = undefined;
      }
      if (bytes.length - at < block) break;
      const header = bytes.subarray(at, at + block);
      if (header.every((byte) => byte === 0)) {
        if (at > from) yield bytes.subarray(from, at);
        return;
      }
      const size = sizeOf(header);
      if (size === undefined) throw damaged();
      const type = String.fromCharCode(header[156] ?? 0);
      if (type === "L" || type === "K" || type === "x") {
        if (size > longestName) throw damaged();
        if (at > from) yield bytes.subarray(from, at);
        before.push(Buffer.from(header));
        inBefore = true;
        named = type === "K" ? undefined : type;
        nameBytes = size;
        from = at + block;
      } else {
        keep = !left.has(bareName(longName ?? entryName(header)));
        if (inBefore || !keep) {
          if (at > from) yield bytes.subarray(from, at);
          if (keep) yield* before;
          from = keep ? at : at + block;
        }
        before = [];
        inBefore = false;
        longName = undefined;
      }
      rest = Math.ceil(size / block) * block;
      at += block;
    }
    if (at > from) yield bytes.subarray(from, at);
    if (at < bytes.length) begun = Buffer.from(bytes.subarray(at));
  }
  if (rest > 0 || begun.length > 0 || inBefore) throw damaged();
}

const damaged = () => new GalleyError("cache_damaged", "A stored archive is no tar.");
