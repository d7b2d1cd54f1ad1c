import type { Findings } from "../text/findings.js";
import type { Located } from "../text/located.js";
import { type LookUp, literalText, parseTemplate, resolveTemplate } from "../text/template.js";

/** Characters of one text with its variables. */
const longest = 64 * 1024;

export interface KnownVariables {
  /** The project's: they win. */
  readonly given: Readonly<Record<string, string>>;
  /** From `.env` and its like, as templates; the first wins. */
  readonly files: readonly ReadonlyMap<string, string>[];
  /** Known by name alone until the deployment. */
  readonly secretNames: readonly string[];
  /** False: there may be others, as where a file is tried out. */
  readonly secretsKnown: boolean;
}

/** Values for compose files. What begins with GALLEY_, and the project's secrets, come at the deployment. */
export function lookUpIn({ given, files, secretNames }: KnownVariables): LookUp {
  return (name) => {
    if (Object.hasOwn(given, name)) return given[name];
    for (const file of files) {
      const template = file.get(name);
      if (template !== undefined) return literalText(template) ?? { template };
    }
    return secretNames.includes(name) || name.startsWith("GALLEY_") ? { later: true } : undefined;
  };
}

/**
 * Puts the values of variables into every text of a compose file but its extensions (`x-…`). All texts are templates afterwards: a
 * dollar is `$$`, and `${NAME}` is what comes later.
 */
export function withVariables(located: Located, lookUp: LookUp, findings: Findings): Located {
  if (located.kind === "list") {
    return { ...located, items: located.items.map((item) => withVariables(item, lookUp, findings)) };
  }
  if (located.kind === "map") {
    const entries = [...located.entries].map(([key, entry]) => {
      const value = key.startsWith("x-") ? entry.value : withVariables(entry.value, lookUp, findings);
      return [key, { ...entry, value }] as const;
    });
    return { ...located, entries: new Map(entries) };
  }
  if (typeof located.value !== "string" || !located.value.includes("$")) return located;
  const { place } = located;
  const pieces = parseTemplate(located.value, true);
  if (typeof pieces === "string") {
    findings.problem(place, pieces);
    return { ...located, value: "", text: "" };
  }
  const text = resolveTemplate(pieces, {
    asTemplate: true,
    lookUp,
    onUnset: (name) => {
      findings.warn(place, `the variable ${name} is not set; taken as empty`);
      return "";
    },
    onRequired: (name, why) =>
      findings.problem(place, `the variable ${name} is needed: ${why || "it is not set"}`),
  });
  if (text.length <= longest) return { ...located, value: text, text };
  findings.problem(place, `is longer than ${longest} characters with its variables`);
  return { ...located, value: "", text: "" };
}
