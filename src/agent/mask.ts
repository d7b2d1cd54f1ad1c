import type { Job } from "../bus/index.js";

/** Shorter ones would blacken every second word; nobody should have such a secret. */
const shortest = 4;
/** Lines of a secret (a private key) that are worth hiding alone. */
const shortestLine = 8;

/** Everything of a job that nobody may read. */
export function secretsOf({ secrets, registries, project: { credential } }: Job): string[] {
  return [
    ...Object.values(secrets),
    ...Object.values(registries).map(({ password }) => password),
    ...(credential?.kind === "token" ? [credential.token] : []),
    ...(credential?.kind === "ssh" ? [credential.privateKey] : []),
  ];
}

/**
 * Replaces secrets by `***` in every text of a value, also where they are written as base64 or as part of a URL, and line by line
 * where they have several. Objects are copied, never changed.
 */
export function createMask(secrets: Iterable<string>): <T>(value: T) => T {
  const hidden = new Set<string>();
  const hide = (text: string, least: number) => {
    if (text.length >= least) hidden.add(text);
  };
  for (const secret of secrets) {
    const text = secret.trim();
    hide(text, shortest);
    if (text.length < shortest) continue;
    hide(encodeURIComponent(text), shortest);
    // What follows a secret changes the last letters of its base64.
    hide(Buffer.from(text).toString("base64").replace(/=+$/, ""), shortestLine);
    for (const line of text.split(/\r?\n/)) if (text.includes("\n")) hide(line.trim(), shortestLine);
  }
  if (hidden.size === 0) return (value) => value;
  // The longer first, so that one that contains another leaves nothing behind.
  const longestFirst = [...hidden].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(
    longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|"),
    "g",
  );
  const mask = (value: unknown): unknown => {
    if (typeof value === "string") return value.replace(pattern, "***");
    if (Array.isArray(value)) return value.map(mask);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mask(inner)]));
  };
  return <T>(value: T) => mask(value) as T;
}
