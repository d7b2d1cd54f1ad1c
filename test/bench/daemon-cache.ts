import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Bytes. What is smaller may stay: other users of the engine have small records of their own. */
const large = 4e6;

/**
 * What a build leaves in a daemon: copies of contexts and layers. They are removed one by one, by their ids: a prune of
 * everything, or by type, would take the caches of whoever else uses this engine.
 */
export class DaemonCache {
  private known: ReadonlySet<string> | undefined;
  private readonly env: NodeJS.ProcessEnv;

  /** `env` makes the docker CLI talk to the engine. */
  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** Everything that is there now is somebody else's. */
  async remember(): Promise<void> {
    this.known = new Set((await this.records()).map(({ id }) => id));
  }

  /** Removes what is large and was not there when `remember` was called. */
  async forget(): Promise<void> {
    if (!this.known) return;
    // A layer holds on to what it was made from, which becomes removable with it.
    for (let round = 0; round < 3; round++) {
      const left = (await this.records()).filter(
        ({ id, size, reclaimable }) => reclaimable && size > large && !this.known?.has(id),
      );
      if (left.length === 0) return;
      for (const { id } of left) await this.buildx(["prune", "--all", "--force", "--filter", `id=${id}`]);
    }
  }

  private async records(): Promise<DaemonRecord[]> {
    return parseRecords(await this.buildx(["du", "--verbose"]));
  }

  private async buildx(args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("docker", ["buildx", ...args], {
      env: this.env,
      timeout: 120_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  }
}

interface DaemonRecord {
  readonly id: string;
  readonly size: number;
  readonly reclaimable: boolean;
}

/** Reads `docker buildx du --verbose`: blocks of `Key:  value`. */
function parseRecords(text: string): DaemonRecord[] {
  return text.split(/\n\n+/).flatMap((block) => {
    const id = /^ID:\s+(\S+)/m.exec(block)?.[1];
    const size = /^Size:\s+([\d.]+)\s*([kMGT]?)i?B/m.exec(block);
    if (!id || !size) return [];
    const scale = { "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12 }[size[2] ?? ""] ?? 1;
    return [{ id, size: Number(size[1]) * scale, reclaimable: /^Reclaimable:\s+true/m.test(block) }];
  });
}
