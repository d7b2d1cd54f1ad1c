import { exportCaches, importCaches, type Moved } from "../../cache/index.js";
import { formatBytes } from "../buildkit/index.js";
import { exitCode } from "./exit-codes.js";
import { print } from "./print.js";
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
    const bar = progressBar(process);
    try {
      const dataDirectory = flags.dataDir ?? (process.env.GALLEY_DATA_DIR || "/var/lib/galley");
      const moved = await work({ dataDirectory, onProgress: bar.show, signal });
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

const barWidth = 30;

/** On a terminal, a line of standard error; nowhere else. */
function progressBar({ stderr }: NodeJS.Process): { show(done: number, all: number): void; clear(): void } {
  let drawn = "";
  const draw = (line: string) => {
    if (stderr.isTTY && line !== drawn) stderr.write(`\r\u001b[K${line}`);
    drawn = line;
  };
  return {
    show(done, all) {
      const part = all === 0 ? 1 : done / all;
      const full = Math.round(part * barWidth);
      const bar = `${"█".repeat(full)}${"░".repeat(barWidth - full)}`;
      draw(`${bar} ${Math.floor(part * 100)} % of ${formatBytes(all)}`);
    },
    clear: () => draw(""),
  };
}
