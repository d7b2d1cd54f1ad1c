import type { Removed } from "../../cache/index.js";
import type { CacheEvent } from "../events/index.js";

/** What was removed from the caches, as an event. Names may be of any length: a Dockerfile says what a mount is called. */
export function removedEvent(
  { kind, repo, name, what, scope, why, freed }: Removed,
  { id, now }: { readonly id: string; readonly now: number },
): CacheEvent {
  return {
    ...{ v: 1, id, at: new Date(now).toISOString(), type: "cache.removed", kind },
    repo: repo.slice(0, 128),
    name: name.slice(0, 256),
    what: what.slice(0, 1024),
    scope: scope.slice(0, 128),
    why: why.slice(0, 1024),
    freed: Math.max(0, Math.round(freed)),
  };
}
