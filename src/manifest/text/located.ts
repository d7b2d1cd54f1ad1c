/** Where something stands; line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

interface Standing {
  readonly place: Place;
  /** `!reset` and `!override` of compose files. */
  readonly tag?: "reset" | "override" | undefined;
}

export interface LocatedScalar extends Standing {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As it is written: `1.10`, `0444`, `yes`. */
  readonly text: string;
}

export interface LocatedList extends Standing {
  readonly kind: "list";
  readonly items: readonly Located[];
}

export interface LocatedEntry {
  readonly key: Place;
  readonly value: Located;
}

export interface LocatedMap extends Standing {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, LocatedEntry>;
}

/** A value of a YAML file that knows where it stands. Aliases and merge keys are already followed. */
export type Located = LocatedScalar | LocatedList | LocatedMap;

/** The value as JSON would have it. */
export function plain(located: Located): unknown {
  if (located.kind === "scalar") return located.value;
  if (located.kind === "list") return located.items.map(plain);
  return Object.fromEntries([...located.entries].map(([key, { value }]) => [key, plain(value)]));
}

/** What is at a path, or the nearest thing above it that is there. */
export function placeAt(root: Located, path: readonly PropertyKey[]): Place {
  let at = root;
  for (const part of path) {
    const next = below(at, part);
    if (!next) return at.place;
    at = next;
  }
  return at.place;
}

/** The place of a key, which says more of it than that of its value. */
export function keyPlace(map: Located | undefined, key: string): Place | undefined {
  return map?.kind === "map" ? map.entries.get(key)?.key : undefined;
}

export function valueAt(root: Located | undefined, path: readonly PropertyKey[]): Located | undefined {
  let at = root;
  for (const part of path) at = at && below(at, part);
  return at;
}

function below(located: Located, part: PropertyKey): Located | undefined {
  if (located.kind === "map") return located.entries.get(String(part))?.value;
  return located.kind === "list" ? located.items[Number(part)] : undefined;
}

/** A value in few words, for messages: `"sql"`, `a list`, `nothing`. */
export function shown(located: Located | undefined): string {
  if (!located) return "nothing";
  if (located.kind === "list") return "a list";
  if (located.kind === "map") return "a map";
  if (located.value === null) return "nothing";
  const text = located.text.length > 60 ? `${located.text.slice(0, 57)}...` : located.text;
  return typeof located.value === "string" ? JSON.stringify(text) : text;
}
