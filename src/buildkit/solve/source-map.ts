import type { pb } from "../../../proto/index.js";
import type { FrontendResult } from "../gateway/index.js";
import type { StepSourceMap } from "./types.js";

interface LineRange {
  readonly start: number;
  readonly end: number;
}

const utf8 = new TextDecoder("utf-8");

/**
 * The lines of every step, from the definitions that a frontend returned (one per platform). Vertex digests of Status are
 * the keys of the definition's locations; the daemon gives one range per line of an instruction.
 *
 * @returns undefined when no definition says where it comes from (a frontend other than Dockerfile's, an empty build)
 */
export function sourceMapOf(result: FrontendResult | undefined): StepSourceMap | undefined {
  const sources = definitions(result).flatMap(({ source }) => (source === null ? [] : [source]));
  const info = sources.flatMap(({ infos }) => infos).find(({ data }) => data.length > 0);
  if (info === undefined) return undefined;
  const steps = new Map<string, readonly LineRange[]>();
  for (const source of sources) {
    for (const [digest, { locations }] of Object.entries(source.locations)) {
      const ranges = locations
        .filter(({ sourceIndex }) => source.infos[sourceIndex]?.filename === info.filename)
        .flatMap((location) => location.ranges.map(linesOf))
        .filter(({ start }) => start > 0);
      if (ranges.length > 0) steps.set(digest, joinLines([...(steps.get(digest) ?? []), ...ranges]));
    }
  }
  return { filename: info.filename, text: utf8.decode(info.data), steps };
}

function definitions(result: FrontendResult | undefined): pb.Definition[] {
  const refs = [result?.ref, ...Object.values(result?.refs?.refs ?? {})];
  return refs.flatMap((ref) => (ref?.def ? [ref.def] : []));
}

function linesOf(range: pb.Range): LineRange {
  const start = range.start?.line ?? 0;
  return { start, end: Math.max(start, range.end?.line ?? 0) };
}

/** Adjacent lines become one range; ranges that are apart (one base image in two FROM lines) stay so. */
function joinLines(ranges: readonly LineRange[]): LineRange[] {
  const joined: LineRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const last = joined.at(-1);
    if (last !== undefined && range.start <= last.end + 1) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
    } else joined.push(range);
  }
  return joined;
}
