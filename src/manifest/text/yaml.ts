import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
} from "yaml";
import type { Findings } from "./findings.js";
import { decode, tooDeep, tooLarge } from "./hostile.js";
import type { Located, LocatedEntry, LocatedScalar, Place } from "./located.js";

/** Values in one file, aliases followed: a few lines must not become gigabytes. */
const mostValues = 20_000;
/** Levels below the root. */
const deepest = 50;

/**
 * Reads the text of a YAML file. Whatever is wrong with it goes to `findings`, with line and column; undefined then, and for a file
 * without anything in it.
 */
export function parseYaml(
  source: Uint8Array | string,
  file: string,
  findings: Findings,
): Located | undefined {
  const whole: Place = { file };
  const refusal = tooLarge(source);
  if (refusal) return void findings.problem(whole, refusal);
  const text = typeof source === "string" ? source : decode(source, whole, findings);
  if (text === undefined) return undefined;
  if (tooDeep(text)) return void findings.problem(whole, `is nested more than ${deepest} levels deep`);
  const lines = new LineCounter();
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      merge: false,
      logLevel: "error",
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return void findings.problem(whole, `is nested more than ${deepest} levels deep`);
  }
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  for (const error of document.errors) findings.problem(at(error.pos[0]), sentence(error, text));
  if (document.errors.length > 0 || !document.contents) return undefined;
  const walk = new Walk(file, at, findings, (alias) => alias.resolve(document));
  return walk.value(document.contents as Node, 0);
}

function sentence({ code, message, pos }: YAMLError, text: string): string {
  const line = text.slice(pos[0]).split("\n", 1)[0] ?? "";
  if (code === "TAB_AS_INDENT") return "is indented with a tab; accepted: blanks";
  if (code === "DUPLICATE_KEY") {
    const key = /^["']?([^"':]+)/.exec(line)?.[1]?.trim() ?? line;
    return `the key ${key} stands here a second time; accepted: each key once`;
  }
  if (code === "MULTIPLE_DOCS") return "a second document begins here; accepted: one document in a file";
  return `is no YAML: ${message.split("\n", 1)[0]?.replace(/ at line .*$/, "") ?? code}`;
}

type Follow = (alias: { resolve(document: unknown): Node | undefined }) => Node | undefined;

class Walk {
  readonly file: string;
  readonly at: (offset: number) => Place;
  readonly findings: Findings;
  readonly follow: Follow;
  #values = 0;
  #stopped = false;
  readonly #following = new Set<Node>();

  constructor(file: string, at: (offset: number) => Place, findings: Findings, follow: Follow) {
    this.file = file;
    this.at = at;
    this.findings = findings;
    this.follow = follow;
  }

  value(node: Node | null | undefined, depth: number, from?: Place): Located | undefined {
    const place = node?.range ? this.at(node.range[0]) : (from ?? { file: this.file });
    if (this.#stopped) return undefined;
    if (++this.#values > mostValues) {
      return this.#stop(
        place,
        `has more than ${mostValues} values when its aliases are followed; accepted: fewer`,
      );
    }
    if (depth > deepest) return this.#stop(place, `is nested more than ${deepest} levels deep`);
    if (!node) return { kind: "scalar", value: null, text: "", place };
    if (isAlias(node)) return this.#alias(node as never, node.source, place, depth);
    const tag = this.#tag(node, place);
    if (isScalar(node)) return this.#scalar(node, place, tag);
    if (isSeq(node)) {
      const items: Located[] = [];
      for (const item of node.items) {
        const value = isPair(item) ? undefined : this.value(item as Node, depth + 1, place);
        if (value) items.push(value);
      }
      return { kind: "list", items, place, tag };
    }
    return isMap(node) ? this.#map(node.items as Pair<Node, Node>[], place, tag, depth) : undefined;
  }

  #stop(place: Place, message: string): undefined {
    if (!this.#stopped) this.findings.problem(place, message);
    this.#stopped = true;
  }

  #alias(alias: never, name: string, place: Place, depth: number): Located | undefined {
    const target = this.follow(alias);
    if (!target || this.#following.has(target)) {
      return this.#stop(place, target ? `*${name} contains itself` : `nothing has the anchor &${name}`);
    }
    this.#following.add(target);
    const value = this.value(target, depth + 1);
    this.#following.delete(target);
    return value;
  }

  #tag(node: Node, place: Place): "reset" | "override" | undefined {
    const { tag } = node;
    if (tag === "!reset" || tag === "!override") return tag === "!reset" ? "reset" : "override";
    if (tag !== undefined && !/^(!|tag:yaml\.org,2002:(str|int|float|bool|null|map|seq))$/.test(tag)) {
      this.findings.problem(
        place,
        `found the tag ${tag.replace("tag:yaml.org,2002:", "!!")}; accepted: plain values`,
      );
    }
    return undefined;
  }

  #scalar(
    node: { value: unknown; source?: string | undefined },
    place: Place,
    tag: LocatedScalar["tag"],
  ): LocatedScalar {
    const { value } = node;
    const known = value === null || ["string", "number", "boolean"].includes(typeof value);
    const text = typeof value === "string" ? value : (node.source ?? String(value ?? ""));
    return { kind: "scalar", value: known ? (value as LocatedScalar["value"]) : text, text, place, tag };
  }

  #map(pairs: readonly Pair<Node, Node>[], place: Place, tag: LocatedScalar["tag"], depth: number): Located {
    const entries = new Map<string, LocatedEntry>();
    const merged: Located[] = [];
    for (const { key, value } of pairs) {
      const keyPlace = key?.range ? this.at(key.range[0]) : place;
      const name = isScalar(key)
        ? typeof key.value === "string"
          ? key.value
          : (key.source ?? "")
        : undefined;
      if (name === undefined || name === "__proto__") {
        const found = name ?? (isAlias(key) ? "an alias" : "a list or a map");
        this.findings.problem(keyPlace, `found ${found} as a key; accepted: words`);
        continue;
      }
      const read = this.value(value, depth + 1, keyPlace);
      if (!read) continue;
      if (name === "<<") merged.push(...(read.kind === "list" ? read.items : [read]));
      else entries.set(name, { key: keyPlace, value: read });
    }
    for (const other of merged) {
      if (other.kind !== "map") {
        this.findings.problem(other.place, "<< takes the keys of a map, or of a list of maps");
        continue;
      }
      for (const [name, entry] of other.entries) if (!entries.has(name)) entries.set(name, entry);
    }
    return { kind: "map", entries, place, tag };
  }
}
