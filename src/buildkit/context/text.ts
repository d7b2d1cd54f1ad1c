/** White space as Go's `unicode.IsSpace` has it; JavaScript's `trim` differs in U+0085 and U+FEFF. */
const goSpace = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const around = new RegExp(`^${goSpace}+|${goSpace}+$`, "g");

/** Go's `strings.TrimSpace`. */
export function trimSpace(text: string): string {
  return text.replace(around, "");
}

/**
 * Go's `path.Clean`: the shortest path that means the same, by text alone. No doubled or trailing slashes, no `.`, and `..`
 * only at the front of a relative path. Nothing becomes ".".
 */
export function cleanPath(path: string): string {
  const rooted = path.startsWith("/");
  const kept: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!rooted) kept.push(part);
  }
  const joined = kept.join("/");
  if (rooted) return `/${joined}`;
  return joined === "" ? "." : joined;
}

/** Go's `path.Join`: empty parts are ignored, the rest is joined and cleaned; nothing at all stays empty. */
export function joinPath(...parts: readonly string[]): string {
  const present = parts.filter((part) => part !== "");
  return present.length === 0 ? "" : cleanPath(present.join("/"));
}

/** Go's `path.Dir`. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return cleanPath(path.slice(0, slash + 1));
}
