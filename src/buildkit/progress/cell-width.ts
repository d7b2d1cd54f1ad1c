const ESC = "\u001b";
const printableAscii = /^[ -~]*$/;
let segmenter: Intl.Segmenter | undefined;
const zeroWidth = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]$/u;
const wideByDefault = /\p{Emoji_Presentation}/u;
const sgr = new RegExp(`${ESC}\\[[0-9;:]*m`, "g");

// East Asian Wide and Fullwidth blocks (Unicode TR11), whole blocks where a few unassigned code points do not matter.
const wide: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd],
];

/** Made when the first text needs it: that takes 20 ms, and most builds print ASCII alone. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/** Cells that one grapheme takes in a terminal: 0, 1 or 2. */
function graphemeWidth(grapheme: string): number {
  let width = 0;
  for (const point of grapheme) {
    const code = point.codePointAt(0) ?? 0;
    if (code === 0xfe0f) width = 2;
    else if (code < 0x300) width = Math.max(width, 1);
    else if (!zeroWidth.test(point)) {
      const isWide = wideByDefault.test(point) || wide.some(([first, last]) => code >= first && code <= last);
      width = Math.max(width, isWide ? 2 : 1);
    }
  }
  return width;
}

/** Cells that the text takes. Colours (SGR sequences) take none; other control characters must be gone already. */
export function cellWidth(text: string): number {
  const shown = text.includes(ESC) ? text.replace(sgr, "") : text;
  if (printableAscii.test(shown)) return shown.length;
  let width = 0;
  for (const { segment } of graphemes(shown)) width += graphemeWidth(segment);
  return width;
}

/**
 * The text cut to at most `columns` cells, an ellipsis last where something is missing. Never half of a wide character;
 * colours that were open at the cut are closed.
 */
export function fitCells(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (text.length <= columns && printableAscii.test(text)) return text;
  // Nothing beyond this can be visible, and measuring a line of a megabyte would take a frame's time.
  const candidate = text.length > columns * 8 + 256 ? text.slice(0, columns * 8 + 256) : text;
  if (candidate === text && cellWidth(text) <= columns) return text;
  let out = "";
  let used = 0;
  let colored = false;
  let rest = candidate;
  while (rest !== "") {
    const sequenceAt = rest.indexOf(ESC);
    const plain = sequenceAt === -1 ? rest : rest.slice(0, sequenceAt);
    for (const { segment } of graphemes(plain)) {
      const width = graphemeWidth(segment);
      if (used + width > columns - 1) return `${out}…${colored ? `${ESC}[0m` : ""}`;
      out += segment;
      used += width;
    }
    if (sequenceAt === -1) break;
    sgr.lastIndex = sequenceAt;
    const sequence = sgr.exec(rest);
    if (sequence?.index !== sequenceAt) break;
    out += sequence[0];
    colored = true;
    rest = rest.slice(sequenceAt + sequence[0].length);
  }
  return `${out}…${colored ? `${ESC}[0m` : ""}`;
}

/** The text followed by spaces up to `columns` cells; longer text is cut. */
export function padCells(text: string, columns: number): string {
  const fitted = fitCells(text, columns);
  return fitted + " ".repeat(Math.max(0, columns - cellWidth(fitted)));
}

/** Breaks at spaces where there are some; a word that is too long stays whole, to be copied in one piece. */
export function wrapCells(text: string, columns: number): string[] {
  const out: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && cellWidth(line) + 1 + cellWidth(word) > columns) {
        out.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    out.push(line);
  }
  return out;
}
