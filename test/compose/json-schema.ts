// The JSON schema that docker compose carries: where it is, what it takes, and at which places of a file it says something.
import type { Located } from "../../src/manifest/text/located.js";

export interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly uniqueItems?: boolean;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** All that the schema is made of: one that says more has to be looked at again. */
const words = new Set([
  ...["$ref", "properties", "patternProperties", "additionalProperties", "items", "oneOf", "type", "enum"],
  ...["required", "minimum", "maximum", "uniqueItems", "definitions"],
  ...["$schema", "$id", "title", "description", "default", "deprecated"],
]);

/** The document with `$id: compose_spec.json` that lies in the program. */
export function embeddedSchema(program: Buffer): Schema {
  const id = program.indexOf('"compose_spec.json"');
  const start =
    program.lastIndexOf("\n}", id) < 0 ? program.lastIndexOf("{", id) : program.lastIndexOf("{", id);
  let depth = 0;
  let quoted = false;
  for (let at = start; at < program.length; at += 1) {
    const byte = program[at];
    if (byte === 0x5c) at += 1;
    else if (byte === 0x22) quoted = !quoted;
    else if (!quoted && byte === 0x7b) depth += 1;
    else if (!quoted && byte === 0x7d) {
      depth -= 1;
      if (depth === 0) return JSON.parse(program.toString("utf8", start, at + 1)) as Schema;
    }
  }
  throw new Error("docker compose carries no schema that could be found");
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const ofType = (type: string, value: unknown): boolean =>
  type === "object"
    ? isMap(value)
    : type === "array"
      ? Array.isArray(value)
      : type === "null"
        ? value === null
        : type === "integer"
          ? Number.isInteger(value)
          : typeof value === type;

const target = (root: Schema, ref: string): Schema => {
  const found = root.definitions?.[ref.replace("#/definitions/", "")];
  if (!found) throw new Error(`the schema has no ${ref}`);
  return found;
};

/** Whether a schema takes a value. */
export function conforms(root: Schema, of: Schema, value: unknown): boolean {
  for (const word of Object.keys(of)) if (!words.has(word)) throw new Error(`the schema says ${word}`);
  if (of.$ref !== undefined && !conforms(root, target(root, of.$ref), value)) return false;
  if (of.oneOf && of.oneOf.filter((one) => conforms(root, one, value)).length !== 1) return false;
  if (of.type !== undefined && ![of.type].flat().some((type) => ofType(type as string, value))) return false;
  if (of.enum && !of.enum.includes(value)) return false;
  if (typeof value === "number" && (value < (of.minimum ?? value) || value > (of.maximum ?? value)))
    return false;
  if (Array.isArray(value)) {
    const { items } = of;
    if (items && !value.every((item) => conforms(root, items, item))) return false;
    return (
      of.uniqueItems !== true || new Set(value.map((item) => JSON.stringify(item))).size === value.length
    );
  }
  if (!isMap(value)) return true;
  if (of.required?.some((key) => !Object.hasOwn(value, key))) return false;
  return Object.entries(value).every(([key, inner]) => {
    const patterns = Object.entries(of.patternProperties ?? {}).filter(([like]) =>
      new RegExp(like).test(key),
    );
    const own = of.properties && Object.hasOwn(of.properties, key) ? [of.properties[key] as Schema] : [];
    const said = [...own, ...patterns.map(([, pattern]) => pattern)];
    if (said.length > 0) return said.every((one) => conforms(root, one, inner));
    const { additionalProperties: others = true } = of;
    return typeof others === "boolean" ? others : conforms(root, others, inner);
  });
}

export interface SchemaPlace {
  /** `services.a.build.args` */
  readonly path: string;
  readonly of: Schema;
  /** A file that has nothing wrong but that value there. */
  readonly document: (value: unknown) => unknown;
}

/** Every place of a file that the schema says something of. */
export function placesOf(root: Schema): SchemaPlace[] {
  const places: SchemaPlace[] = [];
  const seen = new Set<string>();
  const visit = (of: Schema, path: string, document: SchemaPlace["document"]): void => {
    if (of.$ref !== undefined) {
      visit(target(root, of.$ref), path, document);
      return;
    }
    if (path !== "" && !seen.has(path)) places.push({ path, of, document });
    seen.add(path);
    const inside = of.oneOf ?? [of];
    for (const form of inside) {
      if (form !== of) visit(form, path, document);
      else {
        if (form.items) visit(form.items, `${path}.0`, (value) => document([value]));
        const needed = Object.fromEntries(
          (form.required ?? []).map((key) => [key, fitting(root, form.properties?.[key] ?? {})]),
        );
        const at = (key: string) => (path === "" ? key : `${path}.${key}`);
        for (const [key, inner] of Object.entries(form.properties ?? {}))
          visit(inner, at(key), (value) => document({ ...needed, [key]: value }));
        for (const [like, inner] of Object.entries(form.patternProperties ?? {}))
          if (!like.includes("x-")) visit(inner, at("a"), (value) => document({ ...needed, a: value }));
      }
    }
  };
  visit(root, "", (value) => value);
  return places;
}

/** Something that a schema takes. */
function fitting(root: Schema, of: Schema): unknown {
  const found = ["a", [], {}, ...(of.enum ?? []), 1, true].find((value) => conforms(root, of, value));
  if (found === undefined) throw new Error(`nothing fits ${JSON.stringify(of)}`);
  return found;
}

/** Values of every kind, and those next to what a schema says. */
export function samplesFor(root: Schema, of: Schema): unknown[] {
  const { types, enums } = said(root, of);
  const flag = types.has("boolean");
  return [
    ...[null, true, 5, 2.5, -5, -2_000, 1_000_000],
    // A text that is one of the words for true and false is taken for one of them.
    ...(flag ? (types.has("string") ? ["true"] : []) : ["some text"]),
    ...enums,
    ...[
      [],
      [null],
      [true],
      [5],
      [-2.5],
      ["a"],
      ["a", "b"],
      ["a", "a"],
      [5, 5],
      [["a"]],
      [{}],
      [{ frobnicate: 1 }],
    ],
    ...[{}, { frobnicate: null }, { frobnicate: true }, { frobnicate: 1 }, { frobnicate: "a" }],
    ...[{ frobnicate: ["a"] }, { frobnicate: [1] }, { frobnicate: {} }, { "x-a": {} }, { "a b": null }],
  ];
}

function said(root: Schema, of: Schema): { types: Set<string>; enums: unknown[] } {
  if (of.$ref !== undefined) return said(root, target(root, of.$ref));
  const inner = (of.oneOf ?? []).map((one) => said(root, one));
  return {
    types: new Set([...([of.type ?? []].flat() as string[]), ...inner.flatMap(({ types }) => [...types])]),
    enums: [...(of.enum ?? []), ...inner.flatMap(({ enums }) => enums)],
  };
}

const place = { file: "compose.yaml" };

/** A value as one that was read from a file. */
export function located(value: unknown): Located {
  if (Array.isArray(value)) return { kind: "list", items: value.map(located), place };
  if (!isMap(value)) return { kind: "scalar", value: value as string, text: String(value ?? ""), place };
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, { key: place, value: located(inner) }] as const,
  );
  return { kind: "map", entries: new Map(entries), place };
}
