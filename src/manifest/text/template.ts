/** `:-` and `-` give a default, `:?` and `?` a complaint, `:+` and `+` what stands in the place of a value. */
export type Operator = ":-" | "-" | ":?" | "?" | ":+" | "+";

export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "variable";
      readonly name: string;
      readonly operator?: Operator | undefined;
      readonly argument: readonly Piece[];
    };

/** Levels of `${A:-${B:-…}}`. */
const deepest = 10;
const opening = /^\{([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?/;
const bareName = /^[A-Za-z_][A-Za-z0-9_]*/;

/**
 * Takes a text with `${NAME}` apart. `$$` is a dollar. A message instead for what is no variable.
 *
 * @param bare `$NAME` without braces is one, too, as in compose files; otherwise it stays as it is, for a shell
 */
export function parseTemplate(text: string, bare: boolean): readonly Piece[] | string {
  const parser = { text, at: 0, bare };
  try {
    return readPieces(parser, 0);
  } catch (error) {
    if (error instanceof Malformed) return error.message;
    throw error;
  }
}

class Malformed extends Error {}

interface Parser {
  readonly text: string;
  at: number;
  readonly bare: boolean;
}

function readPieces(parser: Parser, depth: number): Piece[] {
  const { text, bare } = parser;
  const pieces: Piece[] = [];
  let plain = "";
  const flush = () => {
    if (plain !== "") pieces.push({ kind: "text", text: plain });
    plain = "";
  };
  while (parser.at < text.length) {
    const letter = text[parser.at] ?? "";
    if (letter === "}" && depth > 0) break;
    const rest = letter === "$" ? text.slice(parser.at + 1, parser.at + 300) : "";
    const name = bare ? bareName.exec(rest)?.[0] : undefined;
    if (letter === "$" && rest[0] === "$") {
      plain += "$";
      parser.at += 2;
    } else if (letter === "$" && rest[0] === "{") {
      flush();
      pieces.push(readVariable(parser, depth));
    } else if (name !== undefined) {
      flush();
      pieces.push({ kind: "variable", name, argument: [] });
      parser.at += 1 + name.length;
    } else {
      plain += letter;
      parser.at += 1;
    }
  }
  flush();
  return pieces;
}

function readVariable(parser: Parser, depth: number): Piece {
  const start = parser.at;
  const wrong = () => {
    const end = parser.text.indexOf("}", start);
    const found = parser.text.slice(start, Math.min(end < 0 ? start + 20 : end + 1, start + 60));
    return new Malformed(`found ${found}; accepted: \${NAME}, and $$ for a dollar`);
  };
  if (depth >= deepest)
    throw new Malformed(`variables stand in one another more than ${deepest} levels deep`);
  const [head, name = "", operator] = opening.exec(parser.text.slice(start + 1, start + 300)) ?? [];
  if (head === undefined) throw wrong();
  parser.at = start + 1 + head.length;
  const argument = operator === undefined ? [] : readPieces(parser, depth + 1);
  if (parser.text[parser.at] !== "}") throw wrong();
  parser.at += 1;
  return { kind: "variable", name, operator: operator as Operator | undefined, argument };
}

/** A text that stands for itself in a template. */
export const escapeDollars = (text: string): string => text.replaceAll("$", "$$$$");

/**
 * What a template is made of: `later` for a name whose value is not known yet, `template` for one whose value has such names in it,
 * undefined for one that has none.
 */
export type LookUp = (
  name: string,
) => string | { readonly later: true } | { readonly template: string } | undefined;

/** What a template says where nothing may come later; undefined where something does. */
export function literalText(template: string): string | undefined {
  if (/\$\{/.test(template.replaceAll("$$", ""))) return undefined;
  return template.replaceAll("$$", "$");
}

export interface Resolving {
  readonly lookUp: LookUp;
  /** A name without a value and without a default. What it returns stands there. */
  readonly onUnset: (name: string) => string;
  /** `${NAME:?text}` where there is none. */
  readonly onRequired: (name: string, text: string) => void;
  /** The result is a template again: dollars are escaped, and what comes later stays. */
  readonly asTemplate: boolean;
}

/** Puts values in. */
export function resolveTemplate(pieces: readonly Piece[], how: Resolving): string {
  const plain = (text: string) => (how.asTemplate ? escapeDollars(text) : text);
  return pieces
    .map((piece) => {
      if (piece.kind === "text") return plain(piece.text);
      const { name, operator = "", argument } = piece;
      const value = how.lookUp(name);
      const inner = () => resolveTemplate(argument, how);
      if (typeof value === "object" && "template" in value)
        return operator.endsWith("+") ? inner() : value.template;
      if (typeof value === "object") return `\${${name}${operator}${operator === "" ? "" : inner()}}`;
      const set = value !== undefined && !(operator.startsWith(":") && value === "");
      if (operator.endsWith("-")) return set ? plain(value) : inner();
      if (operator.endsWith("+")) return set ? inner() : "";
      if (operator.endsWith("?") && !set) how.onRequired(name, inner());
      return plain(value ?? (operator === "" ? how.onUnset(name) : ""));
    })
    .join("");
}
