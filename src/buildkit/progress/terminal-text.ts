// What a daemon, a Dockerfile or a RUN step prints reaches the person's terminal through here and nowhere else. A
// control sequence in it could repaint lines, retitle the window or put text on the clipboard: only colours pass.

const character = String.fromCharCode;
const ESC = "\u001b";
// C0 and C1 controls, line and paragraph separators, and the marks that reorder text for the reader.
const unsafe = new RegExp(
  `[${character(0)}-${character(0x1f)}${character(0x7f)}-${character(0x9f)}\u2028\u2029\u202a-\u202e\u2066-\u2069]`,
);
const sgrParameters = /^[0-9;:]{0,64}$/;
const tabStop = 8;

/** True when the text can be shown as it is. */
export function isTerminalSafe(text: string): boolean {
  return !unsafe.test(text);
}

/**
 * One line as a terminal would leave it, without anything that acts on the terminal: what a carriage return overwrote
 * is gone, tabs are spaces, control sequences are removed. With `colors`, SGR sequences for colour and weight stay (never
 * blinking or hidden text) and are closed at the end.
 */
export function safeLine(line: string, colors: boolean): string {
  if (!unsafe.test(line)) return line;
  return scan(lastWritten(line), colors);
}

/** A name, for a place that has one line and its own colours: no escapes, no line breaks, at most `limit` characters. */
export function safeName(name: string, limit = 1000): string {
  const cut = name.length > limit ? `${name.slice(0, limit).replace(/[\ud800-\udbff]$/, "")}…` : name;
  return unsafe.test(cut) ? scan(cut.replace(/[\r\n\t]+/g, " "), false) : cut;
}

function lastWritten(line: string): string {
  const trimmed = line.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

function scan(text: string, colors: boolean): string {
  let out = "";
  let column = 0;
  let colored = false;
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 0x1b || (code >= 0x80 && code <= 0x9f)) {
      const sequence = controlSequence(text, at);
      if (colors && sequence.sgr !== undefined && harmless(sequence.sgr)) {
        out += `${ESC}[${sequence.sgr}m`;
        colored = !/^0*$/.test(sequence.sgr);
      }
      at = sequence.end;
      continue;
    }
    at += 1;
    if (code === 0x09) {
      const spaces = tabStop - (column % tabStop);
      out += " ".repeat(spaces);
      column += spaces;
    } else if (code === 0x2028 || code === 0x2029) {
      out += " ";
      column += 1;
    } else if (
      code >= 0x20 &&
      code !== 0x7f &&
      !(code >= 0x202a && code <= 0x202e) &&
      !(code >= 0x2066 && code <= 0x2069)
    ) {
      out += character(code);
      column += 1;
    }
  }
  return colored ? `${out}${ESC}[0m` : out;
}

/** Where the sequence that begins at `start` ends, by ECMA-48; an unfinished one ends with the text. */
function controlSequence(text: string, start: number): { end: number; sgr?: string } {
  const escaped = text.charCodeAt(start) === 0x1b;
  const introducer = escaped ? text.charCodeAt(start + 1) : text.charCodeAt(start) - 0x40;
  const body = start + (escaped ? 2 : 1);
  if (introducer === 0x5b) {
    let end = body;
    while (end < text.length && text.charCodeAt(end) >= 0x20 && text.charCodeAt(end) <= 0x3f) end += 1;
    const final = text.charCodeAt(end);
    if (!(final >= 0x40 && final <= 0x7e)) return { end };
    const parameters = text.slice(body, end);
    return final === 0x6d && sgrParameters.test(parameters)
      ? { end: end + 1, sgr: parameters }
      : { end: end + 1 };
  }
  // OSC, DCS, SOS, PM, APC: a string up to ST or BEL.
  if ([0x5d, 0x50, 0x58, 0x5e, 0x5f].includes(introducer)) {
    for (let end = body; end < text.length; end += 1) {
      const code = text.charCodeAt(end);
      if (code === 0x07 || code === 0x9c) return { end: end + 1 };
      if (code === 0x1b) return { end: text[end + 1] === "\\" ? end + 2 : end };
    }
    return { end: text.length };
  }
  if (!escaped) return { end: start + 1 };
  let end = start + 1;
  while (end < text.length && text.charCodeAt(end) >= 0x20 && text.charCodeAt(end) <= 0x2f) end += 1;
  const final = text.charCodeAt(end);
  return { end: final >= 0x30 && final <= 0x7e ? end + 1 : end };
}

// Attributes 5 and 6 blink, 8 hides; after 38, 48 and 58 the same numbers only choose a colour.
function harmless(parameters: string): boolean {
  const attributes = parameters.split(";");
  for (let at = 0; at < attributes.length; at += 1) {
    const value = attributes[at] ?? "";
    if (value.includes(":")) continue;
    const attribute = Number(value);
    if (attribute === 38 || attribute === 48 || attribute === 58)
      at += Number(attributes[at + 1]) === 5 ? 2 : 4;
    else if (attribute === 5 || attribute === 6 || attribute === 8) return false;
  }
  return true;
}
