import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** One file of the built dashboard, as it is sent. */
export interface DashboardFile {
  /** As in the URL: `/assets/index-….js`. */
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
}

export interface DashboardFiles {
  /** The page that every address of the application is answered with. */
  readonly index: Buffer;
  readonly files: readonly DashboardFile[];
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** From the folder of this file, or of the command's bundle, up to the package: no deeper than `src/server/http` below `dist`. */
const levels = 5;

/** Where `npm run build` has put the dashboard; undefined where it was not built. */
export function findDashboard(from = dirname(fileURLToPath(import.meta.url))): string | undefined {
  let folder = from;
  for (let level = 0; level < levels; level += 1) {
    const built = join(folder, "dist/dashboard");
    if (existsSync(join(built, "index.html"))) return built;
    folder = dirname(folder);
  }
  return undefined;
}

/** Reads the whole dashboard, some hundred kilobytes. What is of no known type is left out: nobody asks for it. */
export function readDashboard(directory: string): DashboardFiles {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) return [];
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(directory.length).replaceAll("\\", "/");
    return [{ path, type, body: readFileSync(file) }];
  });
  return { index: readFileSync(join(directory, "index.html")), files };
}
