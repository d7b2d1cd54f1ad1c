const maxLogLine = 2000;

// CSI and OSC sequences first, then lone escapes, then whatever control character is left beside the tab.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const escapes = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b./g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * One line of output as a terminal would leave it: what a carriage return overwrote is gone, colours and other control
 * sequences as well, so that what a step prints cannot repaint the screen of who reads the error.
 */
export function plainText(line: string, limit: number = maxLogLine): string {
  const ended = line.endsWith("\r") ? line.slice(0, -1) : line;
  const visible = ended.slice(ended.lastIndexOf("\r") + 1);
  return cut(visible.replace(escapes, "").replace(controls, ""), limit);
}

/** The text, or its first `limit` characters with an ellipsis; never half of a surrogate pair. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = limit - 1;
  const high = text.charCodeAt(end - 1);
  return `${text.slice(0, high >= 0xd800 && high <= 0xdbff ? end - 1 : end)}…`;
}

const urlCredentials = /([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@"'`<>]*)@/gi;
const authorization = /\b(authorization:?\s*(?:basic|bearer)\s+)[^\s"',;]+/gi;

/** Masks what looks like a credential: the user part of a URL, and the value of an Authorization header. */
export function maskCredentials(text: string): string {
  return text.replace(urlCredentials, "$1***@").replace(authorization, "$1***");
}
