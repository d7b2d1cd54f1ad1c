import { createHash } from "node:crypto";
import type { Credential, GitOptions, SourceLog } from "./git-options.js";
import { type Mirror, openMirror } from "./mirror.js";

/** All mirrors of a data directory, as one process uses them. */
export interface Mirrors {
  /**
   * The mirror of a repository: the same object as long as address and credential are the same, so that all who ask share the
   * work. Two credentials share the files, never a fetch: what one may not read it does not get to see by asking while the
   * other one fetches.
   */
  open(repository: {
    readonly repoKey: string;
    readonly url: string;
    readonly credential: Credential | null;
  }): Mirror;
  close(): Promise<void>;
}

/** More are not remembered; the oldest goes. It is made again when it is asked for. */
const mostOpen = 500;

/** `root`: `$GALLEY_DATA_DIR/repos`. */
export function createMirrors(options: {
  readonly root: string;
  readonly git?: GitOptions;
  readonly log?: SourceLog;
}): Mirrors {
  const open = new Map<string, Mirror>();
  return {
    open: (repository) => {
      const { repoKey, url, credential } = repository;
      // A digest: a credential that was changed should not stay in memory as a key.
      const id = createHash("sha256")
        .update(JSON.stringify([repoKey, url, credential]))
        .digest("hex");
      const known = open.get(id);
      if (known !== undefined) return known;
      const mirror = openMirror({ ...options, ...repository });
      open.set(id, mirror);
      const oldest = open.size > mostOpen ? open.entries().next().value : undefined;
      if (oldest !== undefined) open.delete(oldest[0]);
      return mirror;
    },
    close: async () => {
      for (const mirror of open.values()) await mirror.close();
      open.clear();
    },
  };
}
