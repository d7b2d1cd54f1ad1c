import { useEffect, useState } from "react";
import { LogSearch } from "../model/log-search.js";
import type { LineList, LogStore } from "../model/log-store.js";

/** Milliseconds of a slice, and between two. */
const sliceMs = 8;
const pauseMs = 4;

interface SearchedLog {
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly found: number;
  /** Not all lines have been looked at. */
  readonly looking: boolean;
  /** Place of the match after (or before) a place in the list. */
  readonly next: (place: number, by: 1 | -1) => number | undefined;
}

/** A search in the lines of a place, in slices of time; goes on with lines that come. `place` names what the list is of. */
export function useLogSearch(store: LogStore, lines: LineList, place: string): SearchedLog {
  const [text, setText] = useState("");
  const [search, setSearch] = useState<LogSearch>();
  const [looking, setLooking] = useState(false);
  const [, draw] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another place is searched anew
  useEffect(() => {
    setSearch(text === "" ? undefined : new LogSearch(store, text));
  }, [text, store, place]);

  const { length } = lines;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the list is another object each time, and has changed when its length has
  useEffect(() => {
    if (!search) return setLooking(false);
    let timer: ReturnType<typeof setTimeout>;
    const look = () => {
      const done = search.advance(lines, sliceMs);
      setLooking(!done);
      draw((count) => count + 1);
      if (!done) timer = setTimeout(look, pauseMs);
    };
    look();
    return () => clearTimeout(timer);
  }, [search, length]);

  return {
    text,
    setText,
    found: search?.matches.length ?? 0,
    looking,
    next: (place, by) => {
      const match = search?.from(place, by) ?? -1;
      return match === -1 ? undefined : search?.matches.at(match);
    },
  };
}
