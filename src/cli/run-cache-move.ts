import { exportCaches, importCaches, type Moved } from "../../cache/index.js";
import { formatBytes } from "../buildkit/index.js";
import { dataDirectoryOf } from "./cache-source.js";
import { exitCode } from "./exit-codes.js";
import { print } from "./print.js";
import { progressLine } from "./progress-line.js";
import { interruptible } from "./with-server.js";

export interface CacheMoveFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** Runs `galley cache export` and returns the exit code. */
export function runCacheExport(
  repoKey: string,
  file: string,
  flags: CacheMoveFlags,
  process: NodeJS.Process,
): Promise<number> {
  return move(flags, process, "exported", (options) => exportCaches({ ...options, repoKey, file }));
}

/** Runs `galley cache import` and returns the exit code. */
export function runCacheImport(
  file: string,
  flags: CacheMoveFlags,
  process: NodeJS.Process,
): Promise<number> {
  return move(flags, process, "imported", (options) => importCaches({ ...options, file }));
}

function move(
  flags: CacheMoveFlags,
  process: NodeJS.Process,
  done: string,
  work: (options: Omit<Parameters<typeof importCaches>[0], "file">) => Promise<Moved>,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const bar = progressLine(process.stderr);
    try {
      const dataDirectory = dataDirectoryOf(flags, process.env);
      const onProgress = (bytes: number, all: number) => bar.show(bytes, all, formatBytes(all));
      const moved = await work({ dataDirectory, onProgress, signal });
      bar.clear();
      const { repo, mounts, layers, builds, bytes } = moved;
      print(
        process,
        flags,
        moved,
        () =>
          `${repo}: ${done} ${mounts} stored mounts, layers of ${layers} services, ${builds} records of builds, ${formatBytes(bytes)} in all.\n`,
      );
      return exitCode.ok;
    } finally {
      bar.clear();
    }
  });
}
