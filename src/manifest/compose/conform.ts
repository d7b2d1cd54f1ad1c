import { suggestion } from "../text/findings.js";
import {
  type Located,
  type LocatedList,
  type LocatedMap,
  type LocatedScalar,
  type Place,
  plain,
  shown,
} from "../text/located.js";
import { literalText } from "../text/template.js";
import type { Shape } from "./shape.js";

/** Tells of everything in a value that is not of its shape, with its place. What a variable says at the deployment only fits everywhere. */
export function conform(
  located: Located,
  shape: Shape,
  where: string,
  tell: (place: Place, message: string) => void,
): void {
  if (shape === "anything") return;
  const front = where === "" ? "" : `${where}: `;
  const unfit = () =>
    tell(
      located.place,
      `${front}found ${shown(located)}; accepted: ${wordsOf(shape)}${quoted(located, shape)}`,
    );
  if (located.kind === "scalar") {
    if (!fits(located, shape)) unfit();
    return;
  }
  // Of several there is one for maps and one for lists at most.
  const own = formsOf(shape).find((form) =>
    located.kind === "list" ? isObject(form, "list") : isObject(form, "map") || isObject(form, "each"),
  );
  if (own === undefined) unfit();
  else if (located.kind === "list") list(located, own as Extract<Shape, { list: Shape }>, where, tell);
  else map(located, own as Maps, where, tell);
}

type Tell = Parameters<typeof conform>[3];
type Maps = Extract<Shape, { map: object } | { each: Shape }>;

function list(located: LocatedList, shape: Extract<Shape, { list: Shape }>, where: string, tell: Tell): void {
  const seen = new Set<string>();
  for (const item of located.items) {
    conform(item, shape.list, where, tell);
    const same = JSON.stringify(plain(item));
    if (shape.distinct && seen.has(same))
      tell(item.place, `${where}: found ${shown(item)} a second time; accepted: each once`);
    seen.add(same);
  }
}

function map(located: LocatedMap, shape: Maps, where: string, tell: Tell): void {
  const front = where === "" ? "" : `${where}.`;
  const in_ = where === "" ? "" : `${where}: `;
  const each = "each" in shape;
  for (const [key, { key: place, value }] of located.entries) {
    if (!each && !shape.plain && key.startsWith("x-")) continue;
    const own = each
      ? (shape.names?.test(key) ?? true)
        ? shape.each
        : undefined
      : Object.hasOwn(shape.map, key)
        ? shape.map[key]
        : shape.open && "anything";
    if (own) conform(value, own, `${front}${key}`, tell);
    else if (each) tell(place, `${in_}found ${key}; accepted: a name that matches ${shape.names?.source}`);
    else
      tell(place, `${in_}found the key ${key}, which is not known${suggestion(key, Object.keys(shape.map))}`);
  }
  if (each) return;
  for (const key of shape.needed ?? [])
    if (!located.entries.has(key))
      tell(located.place, `${front}${key}: is missing; accepted: ${wordsOf(shape.map[key] ?? "anything")}`);
}

/** The alternatives of a shape, itself where it has none. */
const formsOf = (shape: Shape): readonly Shape[] =>
  typeof shape === "object" && "any" in shape ? shape.any.flatMap(formsOf) : [shape];

const isObject = (shape: Shape, key: string): boolean => typeof shape === "object" && key in shape;

const flags = /^(?:true|false|yes|no|on|off|y|n|1|0)$/i;

function fits(scalar: LocatedScalar, shape: Shape): boolean {
  const { value, text } = scalar;
  if (typeof value === "string" && literalText(text) === undefined) return true;
  return formsOf(shape).some((form) => {
    if (form === "anything") return true;
    if (form === "nothing") return value === null;
    if (form === "text") return typeof value === "string";
    if (form === "flag") return typeof value === "boolean" || (value !== null && flags.test(text));
    if (value === null || typeof value === "boolean") return false;
    // Of a variable a number is a text, too.
    const count = typeof value === "number" ? value : text.trim() === "" ? Number.NaN : Number(text);
    if (form === "number") return Number.isFinite(count);
    if (form === "whole number") return Number.isInteger(count);
    if ("least" in form) return Number.isInteger(count) && count >= form.least && count <= form.most;
    if ("words" in form) return form.words.includes(text);
    return "like" in form && form.like.test(text);
  });
}

/** A number where a text is wanted has to stand in quotes. */
function quoted(located: Located, shape: Shape): string {
  if (located.kind !== "scalar" || located.value === null || shape !== "text") return "";
  return `, such as ${JSON.stringify(located.text.slice(0, 60))}`;
}

function wordsOf(shape: Shape): string {
  const words = formsOf(shape).flatMap((form) => {
    if (form === "flag") return "true or false";
    if (form === "nothing" || form === "anything") return [];
    if (typeof form === "string") return `a ${form}`;
    if ("words" in form) return form.words.join(", ");
    if ("like" in form) return form.accepted;
    if ("least" in form)
      return form.most === Number.MAX_SAFE_INTEGER
        ? `a whole number from ${form.least}`
        : `a whole number from ${form.least} to ${form.most}`;
    return "list" in form ? "a list" : "a map";
  });
  return [...new Set(words)].join(" or ");
}
