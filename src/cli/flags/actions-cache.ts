import { truthy } from "../../build/index.js";
import type { CacheEntry } from "../../buildkit/index.js";

/**
 * Fills in what a `gha` cache needs of the environment that GitHub Actions gives to its steps, as buildx does: the token of the
 * job and the address of the cache service, whichever of its two versions is in use. Undefined for one that still has no token or no
 * address: the same command may run outside of Actions, where there is no such cache. Other entries stay as they are.
 */
export function withActionsRuntime(entry: CacheEntry, env: NodeJS.ProcessEnv): CacheEntry | undefined {
  if (entry.type !== "gha") return entry;
  const second = entry.attrs.version ? entry.attrs.version === "2" : truthy(env.ACTIONS_CACHE_SERVICE_V2);
  const found = {
    token: env.ACTIONS_RUNTIME_TOKEN,
    url: env.ACTIONS_CACHE_URL ?? env.ACTIONS_RESULTS_URL,
    ...(second ? { url_v2: env.ACTIONS_RESULTS_URL } : {}),
    ...entry.attrs,
  };
  const attrs = Object.fromEntries(
    Object.entries(found).filter((pair): pair is [string, string] => Boolean(pair[1])),
  );
  return attrs.token && (attrs.url || attrs.url_v2) ? { ...entry, attrs } : undefined;
}
