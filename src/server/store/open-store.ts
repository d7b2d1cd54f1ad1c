import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { Logger } from "pino";
import type { Database, Driver } from "./driver.js";
import { databaseUnreachable, isDatabaseAway } from "./errors.js";
import { migrate } from "./migrate.js";
import { migrations } from "./migrations/index.js";
import { pgliteDriver } from "./pglite.js";
import { postgresDriver } from "./postgres.js";

/** The database, opened and at the schema of this version. */
export interface Store {
  readonly kind: "postgres" | "pglite";
  readonly db: Database;
  /** Throws `database_unreachable` when the database does not answer within `deadline` milliseconds (2000). */
  ping(deadline?: number): Promise<void>;
  /** Ends every connection; queries after it fail. May be called twice. */
  close(): Promise<void>;
}

/** Where the database is: a Postgres by its URL, or the embedded one by its directory. */
export type StoreLocation = { readonly url: string } | { readonly dataDir: string };

export interface OpenStoreOptions {
  readonly log: Logger;
  readonly signal?: AbortSignal;
  /** Milliseconds to wait for a Postgres that is still starting. Default 60,000. */
  readonly deadline?: number;
}

/**
 * Opens the database and brings it to the newest migration. Waits for a Postgres that does not answer yet. Throws
 * `database_unreachable`, `database_busy` (the embedded one is open in another process), `database_incompatible`.
 */
export async function openStore(location: StoreLocation, options: OpenStoreOptions): Promise<Store> {
  const { log, signal } = options;
  const driver =
    "url" in location ? postgresDriver({ url: location.url, log }) : await pgliteDriver(location);
  try {
    await whenAnswering(driver, options);
    await migrate(driver, migrations, {
      signal,
      applied: (name) => log.info({ migration: name }, "applied a migration"),
    });
  } catch (error) {
    await driver.close().catch(() => {}); // what went wrong first is what to tell
    throw isDatabaseAway(error) ? databaseUnreachable(error) : error;
  }
  let closing: Promise<void> | undefined;
  return {
    kind: driver.kind,
    db: driver.db,
    ping: (deadline = 2000) => ping(driver, deadline),
    close: () => {
      closing ??= driver.close();
      return closing;
    },
  };
}

async function whenAnswering(driver: Driver, options: OpenStoreOptions): Promise<void> {
  const end = Date.now() + (options.deadline ?? 60_000);
  for (let pause = 100, said = false; ; pause = Math.min(pause * 2, 2000)) {
    options.signal?.throwIfAborted();
    try {
      await driver.db.execute(sql`select 1`);
      return;
    } catch (error) {
      if (!isDatabaseAway(error) || Date.now() + pause > end) throw databaseUnreachable(error);
      if (!said) options.log.warn({ reason: databaseUnreachable(error).message }, "waiting for the database");
      said = true;
    }
    await sleep(pause, undefined, options.signal ? { signal: options.signal } : {});
  }
}

async function ping(driver: Driver, deadline: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(deadline, undefined, { signal: timer.signal }).then(() => {
    throw databaseUnreachable({ message: `no answer within ${deadline} ms` });
  });
  late.catch(() => {});
  try {
    await Promise.race([driver.db.execute(sql`select 1`), late]);
  } catch (error) {
    throw isDatabaseAway(error) ? databaseUnreachable(error) : error;
  } finally {
    timer.abort();
  }
}
