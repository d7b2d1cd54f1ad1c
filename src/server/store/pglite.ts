import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { GalleyError } from "../../errors/index.js";
import { lockDirectory } from "./directory-lock.js";
import type { Database, Driver } from "./driver.js";

/**
 * The embedded database: Postgres as WebAssembly in this process, its files in `dataDir`. One process at a time; a second one is
 * refused with `database_busy`, as it would destroy the files.
 */
export async function pgliteDriver(options: { dataDir: string }): Promise<Driver> {
  await mkdir(dirname(options.dataDir), { recursive: true, mode: 0o700 });
  const release = await lockDirectory(options.dataDir);
  let client: PGlite | undefined;
  try {
    // Loaded here and not above: a server on Postgres needs none of the 20 MB.
    const [{ PGlite }, { drizzle }] = await Promise.all([
      import("@electric-sql/pglite"),
      import("drizzle-orm/pglite"),
    ]);
    const opened = await PGlite.create({ dataDir: options.dataDir });
    client = opened;
    return {
      kind: "pglite",
      db: drizzle(opened) as unknown as Database,
      transaction: (work) =>
        opened.transaction((transaction) =>
          work({
            async script(text) {
              await transaction.exec(text);
            },
            async rows(text, parameters = []) {
              return (await transaction.query<Record<string, unknown>>(text, [...parameters])).rows;
            },
          }),
        ),
      async close() {
        if (!opened.closed) await opened.close();
        await release();
      },
    };
  } catch (error) {
    await client?.close();
    await release();
    throw new GalleyError(
      "database_unreachable",
      `The embedded database in ${options.dataDir} cannot be opened: ${error instanceof Error ? error.message : error}`,
      {
        hint: "Restore that directory from a backup, delete it to begin anew, or set GALLEY_DATABASE_URL to use a Postgres of your own.",
      },
    );
  }
}
