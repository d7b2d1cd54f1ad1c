import { createHash } from "node:crypto";
import { GalleyError } from "../../errors/index.js";
import type { Driver, RawTransaction } from "./driver.js";
import type { Migration } from "./migrations/migration.js";

/** Of the advisory lock, in Postgres' space of 64 bits: "galley" in hexadecimal. Only one server at a time migrates. */
const lock = "113668128531833"; // 0x67616c6c6579

interface Applied {
  readonly name: string;
  readonly checksum: string;
}

/**
 * Brings the database to the last migration, each in a transaction of its own with its record. Resolves with the names of those it
 * applied. Throws `database_incompatible` for a database that another version has made: one with migrations that are not among
 * `migrations`, or that differ from what was applied.
 */
export async function migrate(
  driver: Driver,
  migrations: readonly Migration[],
  options: { signal?: AbortSignal | undefined; applied?: (name: string) => void } = {},
): Promise<string[]> {
  checkOrder(migrations);
  const done: string[] = [];
  for (;;) {
    options.signal?.throwIfAborted();
    // The lock and the record are taken anew with every step: it holds behind a connection pool that hands a transaction a
    // connection, and a server that booted at the same time may have taken any of the steps.
    const name = await driver.transaction(async (transaction) => {
      // Both this step and the wait for another server's may take longer than any query later.
      await transaction.script("set local statement_timeout = '10min'");
      await transaction.rows(`select pg_advisory_xact_lock(${lock})`);
      const next = nextMigration(await appliedMigrations(transaction), migrations);
      if (!next) return undefined;
      await transaction.script(next.sql);
      await transaction.rows("insert into galley_migrations (name, checksum) values ($1, $2)", [
        next.name,
        checksum(next),
      ]);
      return next.name;
    });
    if (name === undefined) return done;
    done.push(name);
    options.applied?.(name);
  }
}

async function appliedMigrations(transaction: RawTransaction): Promise<Applied[]> {
  const [there] = await transaction.rows("select to_regclass('galley_migrations') is not null as yes");
  if (there?.yes !== true)
    await transaction.script(
      "create table galley_migrations (name text primary key, checksum text not null, applied_at timestamp(3) with time zone not null default now())",
    );
  const rows = await transaction.rows("select name, checksum from galley_migrations order by name");
  return rows.map((row) => ({ name: String(row.name), checksum: String(row.checksum) }));
}

/** Which one comes next, undefined when all are applied. Throws when what is applied is not how `migrations` begins. */
export function nextMigration(
  applied: readonly Applied[],
  migrations: readonly Migration[],
): Migration | undefined {
  for (const [at, record] of applied.entries()) {
    const own = migrations[at];
    if (own?.name !== record.name)
      throw new GalleyError(
        "database_incompatible",
        `The database has the migration ${JSON.stringify(record.name)}, which this version of Galley does not know${own ? ` in the place of ${own.name}` : ""}.`,
        { hint: "Start a version of Galley that is at least as new as the one that ran last." },
      );
    if (checksum(own) !== record.checksum)
      throw new GalleyError(
        "database_incompatible",
        `The migration ${record.name} was another one when it was applied to this database.`,
        { hint: "Start an official version of Galley, or restore the database from a backup." },
      );
  }
  return migrations[applied.length];
}

export const checksum = (migration: Migration): string =>
  createHash("sha256").update(migration.sql).digest("hex");

/** A number may be missing, as its migration came to nothing before a release; the order is what counts. */
function checkOrder(migrations: readonly Migration[]): void {
  let last = "";
  for (const { name } of migrations) {
    if (!/^[0-9]{4}_[a-z_]+$/.test(name) || name.slice(0, 4) <= last)
      throw new GalleyError("internal", `${name} cannot be the migration after ${last || "none"}.`);
    last = name.slice(0, 4);
  }
}
