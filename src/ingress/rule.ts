/**
 * The hosts of a rule that is nothing but hosts: Host(`a.example`) || Host(`b.example`), also with several in one pair of brackets
 * as in version 2. In lower case. Undefined for any other rule.
 */
export function hostsOfRule(rule: string): readonly string[] | undefined {
  const hosts: string[] = [];
  for (const part of rule.split("||")) {
    const [, names] = /^\s*Host\(([^()]*)\)\s*$/i.exec(part) ?? [];
    if (names === undefined) return undefined;
    for (const name of names.split(",")) {
      const [, quoted, alsoQuoted] = /^\s*(?:`([^`]+)`|"([^"]+)")\s*$/.exec(name) ?? [];
      const host = hostName(quoted ?? alsoQuoted ?? "");
      if (host === undefined) return undefined;
      hosts.push(host);
    }
  }
  return hosts;
}

/** A host without its port and the dot at its end, in lower case; undefined for what is no name, addresses in brackets among it. */
export function hostName(host: string): string | undefined {
  const name = host
    .trim()
    .toLowerCase()
    .replace(/:\d{0,5}$/, "")
    .replace(/\.$/, "");
  return name.length <= 253 && /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name) ? name : undefined;
}
