/** Shorter ones would be found in half of all words. */
const shortest = 4;
const masked = "***";

/** Fields that say what an event is, whose it is and what has become of it: no free text, and not to be broken by a secret like `done`. */
const structural = new Set([
  ...["v", "id", "at", "agent", "project", "environment", "deployment", "attempt", "seq", "service", "type"],
  ...["state", "outcome", "stream", "step", "kind", "action", "code", "started", "completed"],
]);

export type MaskValue = <T>(value: T) => T;

/**
 * Masks secrets in every text of an event, but for names of fields and what is no free text. The agent has masked them already; this is the second
 * line, for what an older or careless agent lets through. Secrets of several lines are found line by line, as logs are lines.
 */
export function maskSecrets(secrets: Iterable<string>): MaskValue {
  const found = new Set<string>();
  for (const secret of secrets) {
    if (secret.length >= shortest) found.add(secret);
    for (const line of secret.split(/\r?\n/)) if (line.trim().length >= 2 * shortest) found.add(line.trim());
  }
  // The longest first: one that contains another leaves nothing of itself behind.
  const needles = [...found].sort((a, b) => b.length - a.length);
  if (needles.length === 0) return (value) => value;
  const maskText = (text: string) =>
    needles.reduce((rest, needle) => (rest.includes(needle) ? rest.replaceAll(needle, masked) : rest), text);
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") return maskText(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        structural.has(key) && typeof inner === "string" ? inner : walk(inner),
      ]),
    );
  };
  return (value) => walk(value) as typeof value;
}
