// The two databases that everything of the server runs on.
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe } from "vitest";
import { labDirectory } from "../lab/scripts.js";
import { type PostgresServer, startPostgres } from "./postgres.js";

export type Location = { url: string } | { dataDir: string };

export interface TestDatabases {
  readonly kind: "postgres" | "pglite";
  /** An empty database. */
  fresh(): Promise<Location>;
  /** Where the tests of this block may keep files; removed afterwards. */
  directory(): string;
}

/** A `describe` block on Postgres and one on PGlite, each with databases of its own. */
export function onEachDatabase(block: (databases: TestDatabases) => void): void {
  for (const kind of ["postgres", "pglite"] as const)
    describe(kind, () => {
      let root = "";
      let postgres: PostgresServer | undefined;
      let template = "";
      let count = 0;
      beforeAll(async () => {
        root = mkdtempSync(join(tmpdir(), "galley-db-"));
        if (kind === "postgres") postgres = await startPostgres();
        else template = await emptyPglite();
      });
      afterAll(async () => {
        await postgres?.remove();
        rmSync(root, { recursive: true, force: true });
      });
      block({
        kind,
        directory: () => root,
        async fresh() {
          if (postgres) return { url: await postgres.database() };
          const dataDir = join(root, `db${++count}`);
          cpSync(template, dataDir, { recursive: true });
          return { dataDir };
        },
      });
    });
}

/** The folder with the files of an empty embedded database, to copy. Making them takes seconds, so they are kept from one run to the next. */
export async function emptyPglite(): Promise<string> {
  const main = createRequire(import.meta.url).resolve("@electric-sql/pglite");
  const { version } = createRequire(import.meta.url)(join(dirname(main), "../package.json")) as {
    version: string;
  };
  const kept = join(labDirectory(), `pglite-${version}`);
  if (existsSync(kept)) return kept;
  mkdirSync(labDirectory(), { recursive: true });
  const next = mkdtempSync(`${kept}.`);
  await (await PGlite.create(join(next, "db"))).close();
  try {
    renameSync(join(next, "db"), kept);
  } catch {
    // Another file of tests was quicker.
  }
  rmSync(next, { recursive: true, force: true });
  return kept;
}
