import type { Findings } from "../text/findings.js";
import { type Located, type LocatedMap, type Place, shown } from "../text/located.js";
import { literalText } from "../text/template.js";

/** A text that may have `${…}` for later; undefined for nothing, and for what is no text, which is a problem. */
export function templateOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
  accepted = "text",
): string | undefined {
  if (!located || (located.kind === "scalar" && located.value === null)) return undefined;
  if (located.kind === "scalar") return located.text;
  return void findings.problem(located.place, `${where}: found ${shown(located)}; accepted: ${accepted}`);
}

/** A text that has to be known now. */
export function textOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
  accepted = "text",
): string | undefined {
  const template = templateOf(located, where, findings, accepted);
  const text = template === undefined ? undefined : literalText(template);
  if (text === undefined && template !== undefined && located) {
    findings.problem(
      located.place,
      `${where}: found ${template}, which is known at the deployment only; accepted: ${accepted}`,
    );
  }
  return text;
}

/** A text that means something, such as a port. */
export function meantBy<Meaning>(
  located: Located | undefined,
  where: string,
  findings: Findings,
  read: (text: string) => Meaning | undefined,
  accepted: string,
): Meaning | undefined {
  const text = textOf(located, where, findings, accepted);
  if (text === undefined || !located) return undefined;
  const meaning = read(text);
  if (meaning !== undefined) return meaning;
  return void findings.problem(located.place, `${where}: found ${shown(located)}; accepted: ${accepted}`);
}

export function mapOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
  accepted = "a map",
): LocatedMap | undefined {
  if (!located || (located.kind === "scalar" && located.value === null)) return undefined;
  if (located.kind === "map") return located;
  return void findings.problem(located.place, `${where}: found ${shown(located)}; accepted: ${accepted}`);
}

/** The items of a list; one alone counts as a list where `single` says so. */
export function itemsOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
  { single = false, accepted = "a list" }: { readonly single?: boolean; readonly accepted?: string } = {},
): readonly Located[] {
  if (!located || (located.kind === "scalar" && located.value === null)) return [];
  if (located.kind === "list") return located.items;
  if (single && located.kind === "scalar") return [located];
  findings.problem(located.place, `${where}: found ${shown(located)}; accepted: ${accepted}`);
  return [];
}

export function booleanOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
): boolean | undefined {
  const read = (text: string) => (text === "true" ? true : text === "false" ? false : undefined);
  return meantBy(located, where, findings, read, "true or false");
}

/** `{A: x}` or `["A=x", "A"]` as a map; null for a name without a value. */
export function pairsOf(
  located: Located | undefined,
  where: string,
  findings: Findings,
): Map<string, { readonly text: string | null; readonly place: Place }> {
  const pairs = new Map<string, { readonly text: string | null; readonly place: Place }>();
  const accepted = "a map of names and texts, or a list of NAME=text";
  if (located?.kind === "map") {
    for (const [name, { value }] of located.entries) {
      const text = templateOf(value, `${where}.${name}`, findings) ?? null;
      pairs.set(name, { text, place: value.place });
    }
    return pairs;
  }
  for (const item of itemsOf(located, where, findings, { accepted })) {
    const line = templateOf(item, where, findings, accepted);
    if (line === undefined) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    pairs.set(name, { text: equals < 0 ? null : line.slice(equals + 1), place: item.place });
  }
  return pairs;
}
