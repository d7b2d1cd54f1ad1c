import Anser from "anser";

/** A piece of a line that looks the same throughout. */
export interface Piece {
  readonly text: string;
  /** Classes for colours and weight. */
  readonly className: string;
  /** `r, g, b` of a colour that has no name. */
  readonly color: string | null;
  /** It is what was searched for. */
  readonly hit: boolean;
}

/** Longer lines are cut where they are shown; saved, they are whole. Characters. */
const longestShown = 20_000;
const esc = String.fromCharCode(27);
const codes = new RegExp(
  `${esc}(?:\\[[0-9;?]*[ -/]*[@-~]|\\][^\\u0007${esc}]*(?:\\u0007|${esc}\\\\)|.)`,
  "g",
);
const colour = new RegExp(`^${esc}\\[[0-9;]*m$`);
/** Control characters but the tab and what begins a sequence, and marks that turn the reading direction around. */
const unseen = new RegExp(`(?![\\t${esc}])[\\p{Cc}\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]`, "gu");

/** What a person reads of a line: without colours, and of what was written over itself the last. */
export const plainText = (text: string): string => lastWritten(text).replace(codes, "").replace(unseen, "");

/**
 * A line with its ANSI colours as pieces, and what is searched for marked, upper and lower case alike. Other control sequences do
 * nothing, and characters that would turn the reading direction around are left out: a line says what it says.
 */
export function pieces(text: string, search: string): Piece[] {
  const shown = lastWritten(text)
    .slice(0, longestShown)
    .replace(codes, (code) => (colour.test(code) ? code : ""))
    .replace(unseen, "");
  const parts = shown.includes(esc)
    ? Anser.ansiToJson(shown, { json: true, use_classes: true, remove_empty: true })
        .map((part) => ({
          text: part.content.replace(codes, ""),
          className: classes(part),
          color: part.fg === "ansi-truecolor" ? part.fg_truecolor : null,
        }))
        .filter((part) => part.text !== "")
    : [{ text: shown, className: "", color: null }];
  return search === "" ? parts.map((part) => ({ ...part, hit: false })) : mark(parts, search);
}

function mark(parts: readonly Omit<Piece, "hit">[], search: string): Piece[] {
  const whole = parts.map(({ text }) => text).join("");
  const hits = places(whole, search);
  const marked: Piece[] = [];
  let at = 0;
  for (const part of parts) {
    const end = at + part.text.length;
    let from = at;
    const push = (to: number, hit: boolean) => {
      if (to > from) marked.push({ ...part, text: part.text.slice(from - at, to - at), hit });
      from = Math.max(from, to);
    };
    for (const hit of hits) {
      if (hit + search.length <= at || hit >= end) continue;
      push(Math.max(at, hit), false);
      push(Math.min(end, hit + search.length), true);
    }
    push(end, false);
    at = end;
  }
  return marked;
}

function places(text: string, search: string): number[] {
  const [within, wanted] = [text.toLowerCase(), search.toLowerCase()];
  // Where lower case has another length, places would not fit the text.
  const [hay, needle] = within.length === text.length ? [within, wanted] : [text, search];
  const found: number[] = [];
  for (let at = hay.indexOf(needle); at !== -1; at = hay.indexOf(needle, at + needle.length)) found.push(at);
  return found;
}

function classes({ fg, bg, decorations }: Anser.AnserJsonEntry): string {
  const known = [fg, bg && `${bg}-bg`].filter((name) => name && !name.startsWith("ansi-truecolor"));
  return [...known.map((name) => palette(name)), ...decorations.map((name) => `ansi-${name}`)].join(" ");
}

// Of the 256 colours the first sixteen have names; the others are shown like text, which can be read on every ground.
const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
function palette(name: string): string {
  const [, number, ground = ""] = /^ansi-palette-(\d+)(-bg)?$/.exec(name) ?? [];
  if (number === undefined) return name;
  const color = names[Number(number) % 8];
  return Number(number) < 16 ? `ansi-${Number(number) > 7 ? "bright-" : ""}${color}${ground}` : "";
}

function lastWritten(text: string): string {
  const end = text.endsWith("\r") ? text.length - 1 : text.length;
  return text.slice(text.lastIndexOf("\r", end - 1) + 1, end);
}
