const mostKept = 1_000;

/** Names of the last while, the newest thousand of them. */
export interface Recent {
  add(name: string): void;
  has(name: string): boolean;
}

/** @param keptMs for which a name counts as recent, from when it was added last */
export function createRecent(keptMs: number, now: () => number): Recent {
  const until = new Map<string, number>();
  return {
    add(name) {
      until.delete(name);
      until.set(name, now() + keptMs);
      for (const [oldest] of until) {
        if (until.size <= mostKept) break;
        until.delete(oldest);
      }
    },
    has: (name) => (until.get(name) ?? 0) > now(),
  };
}
