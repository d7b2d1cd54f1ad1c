import type { Located, LocatedEntry, LocatedMap, Place } from "../text/located.js";

/** Lists of `NAME=text` that stand for maps. */
const pairLists = new Set([
  "environment",
  "labels",
  "args",
  "annotations",
  "sysctls",
  "extra_hosts",
  "additional_contexts",
]);
/** What a name alone in `depends_on` means. */
const started = "service_started";
/** Lists that a later file replaces as a whole. */
const replaced = new Set(["command", "entrypoint", "test"]);

/**
 * The services of one file over those of another, as Compose does it: maps key by key, lists one after the other, a later text in
 * the place of an earlier one; commands are replaced, volumes of one target too. `!reset` removes what was there, `!override` takes its place.
 */
export function merge(below: Located, above: Located, key = ""): Located {
  if (above.tag === "override" || above.tag === "reset") return above;
  const [lower, upper] = [normal(below, key), normal(above, key)];
  if (lower.kind === "map" && upper.kind === "map") return mergeMaps(lower, upper);
  if (lower.kind === "list" && upper.kind === "list" && !replaced.has(key)) {
    return { ...upper, items: distinct([...lower.items, ...upper.items]) };
  }
  return upper.kind === "scalar" && upper.value === null ? lower : upper;
}

export function mergeMaps(below: LocatedMap, above: LocatedMap): LocatedMap {
  const entries = new Map(below.entries);
  for (const [name, entry] of above.entries) {
    const before = entries.get(name);
    entries.set(name, before ? { ...entry, value: merge(before.value, entry.value, name) } : entry);
  }
  return { ...above, entries };
}

/** What `!reset` stands at is gone, once everything is merged. */
export function withoutResets(located: Located): Located {
  if (located.kind === "list") return { ...located, items: located.items.map(withoutResets) };
  if (located.kind === "scalar") return located;
  const kept = [...located.entries].filter(([, { value }]) => value.tag !== "reset");
  return {
    ...located,
    entries: new Map(kept.map(([name, entry]) => [name, { ...entry, value: withoutResets(entry.value) }])),
  };
}

/** Short forms as the long ones, so that both can be merged. */
function normal(located: Located, key: string): Located {
  if (key === "build" && located.kind === "scalar" && located.value !== null)
    return mapWith(located, "context", located);
  if ((key === "env_file" || key === "profiles") && located.kind === "scalar" && located.value !== null) {
    return { kind: "list", items: [located], place: located.place };
  }
  if (located.kind !== "list") return located;
  if (key === "depends_on" || key === "networks") {
    const alone = ({ place }: Located): Located =>
      key === "networks"
        ? { kind: "scalar", value: null, text: "", place }
        : mapWith({ place }, "condition", { kind: "scalar", value: started, text: started, place });
    const entries = located.items.flatMap((item): [string, LocatedEntry][] =>
      item.kind === "scalar" ? [[item.text, { key: item.place, value: alone(item) }]] : [],
    );
    return { kind: "map", entries: new Map(entries), place: located.place, tag: located.tag };
  }
  if (!pairLists.has(key) || !located.items.every(({ kind }) => kind === "scalar")) return located;
  const entries = located.items.flatMap((item): [string, LocatedEntry][] => {
    if (item.kind !== "scalar") return [];
    const equals = item.text.indexOf("=");
    const text = equals < 0 ? "" : item.text.slice(equals + 1);
    const value: Located = { kind: "scalar", value: equals < 0 ? null : text, text, place: item.place };
    return [[equals < 0 ? item.text : item.text.slice(0, equals), { key: item.place, value }]];
  });
  return { kind: "map", entries: new Map(entries), place: located.place, tag: located.tag };
}

function mapWith(located: { readonly place: Place }, key: string, value: Located): LocatedMap {
  return { kind: "map", entries: new Map([[key, { key: located.place, value }]]), place: located.place };
}

function distinct(items: readonly Located[]): Located[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    if (item.kind !== "scalar") return true;
    const isNew = !seen.has(item.text);
    seen.add(item.text);
    return isNew;
  });
}
