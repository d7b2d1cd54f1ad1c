import { getTableColumns, is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "../../src/server/store/migrate.js";
import { migrations } from "../../src/server/store/migrations/index.js";
import { openStore } from "../../src/server/store/open-store.js";
import { pgliteDriver } from "../../src/server/store/pglite.js";
import { postgresDriver } from "../../src/server/store/postgres.js";
import * as schema from "../../src/server/store/schema.js";
import { awaitedLater } from "../support/awaited-later.js";
import { type Location, onEachDatabase } from "../support/databases.js";
import { type PostgresServer, startPostgres } from "../support/postgres.js";

const log = pino({ level: "silent" });
const driverOf = (location: Location) =>
  "url" in location ? postgresDriver({ url: location.url, log }) : pgliteDriver(location);

onEachDatabase((databases) => {
  describe("migrations", () => {
    test("bring an empty database to exactly the tables that the queries are written for", async () => {
      const location = await databases.fresh();
      await (await openStore(location, { log })).close();
      const driver = await driverOf(location);
      const columns = await driver.transaction((tx) =>
        tx.rows(`
          select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
            coalesce(a.attnum = any(p.conkey), false) as key, a.atthasdef as "hasDefault"
          from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
          left join pg_constraint p on p.conrelid = c.oid and p.contype = 'p'
          where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and c.relname <> 'galley_migrations'`),
      );
      await driver.close();
      const byName = (a: { table: unknown; column: unknown }, b: { table: unknown; column: unknown }) =>
        `${a.table}.${a.column}` < `${b.table}.${b.column}` ? -1 : 1;
      const written = Object.values(schema)
        .filter((table) => is(table, PgTable))
        .flatMap((table) => {
          const { name, primaryKeys } = getTableConfig(table as PgTable);
          const inKey = new Set(primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
          return Object.values(getTableColumns(table as PgTable)).map((column) => ({
            table: name,
            column: column.name,
            type: column.getSQLType().replace("bigserial", "bigint").replace("timestamp (", "timestamp("),
            notNull: column.notNull || inKey.has(column.name),
            key: column.primary || inKey.has(column.name),
            hasDefault: column.hasDefault,
          }));
        });
      expect(written.length).toBeGreaterThan(40);
      expect([...columns].sort(byName as never)).toEqual(written.sort(byName));
    });

    test("bring an older database forward and leave what is in it", async () => {
      const location = await databases.fresh();
      const driver = await driverOf(location);
      expect(await migrate(driver, migrations.slice(0, 1))).toEqual(["0001_ground"]);
      await driver.transaction((tx) =>
        tx.script("insert into users (id, email, password_hash) values ('usr1', 'ada@example.org', 'x')"),
      );
      expect(await migrate(driver, migrations)).toEqual(migrations.slice(1).map(({ name }) => name));
      expect(await migrate(driver, migrations)).toEqual([]);
      const users = await driver.transaction((tx) => tx.rows("select email from users"));
      expect(users).toEqual([{ email: "ada@example.org" }]);
      await driver.close();
    });

    test("are refused when one that was applied is another now, or when the database is ahead", async () => {
      const location = await databases.fresh();
      const driver = await driverOf(location);
      const one = { name: "0001_one", sql: "create table one (a int)" };
      const two = { name: "0002_two", sql: "create table two (a int)" };
      await migrate(driver, [one, two]);
      await expect(migrate(driver, [one])).rejects.toMatchObject({ code: "database_incompatible" });
      await expect(
        migrate(driver, [one, { ...two, sql: "create table two (a bigint)" }]),
      ).rejects.toMatchObject({
        code: "database_incompatible",
        message: expect.stringContaining("0002_two"),
      });
      await driver.close();
      // The server itself, too, does not start on it, and lets go of the database.
      await expect(openStore(location, { log })).rejects.toMatchObject({ code: "database_incompatible" });
      await (await driverOf(location)).close();
    });

    test("that fail leave nothing of themselves, and what came before stays", async () => {
      const driver = await driverOf(await databases.fresh());
      const good = { name: "0001_good", sql: "create table good (a int)" };
      const bad = { name: "0002_bad", sql: "create table half (a int); insert into nowhere values (1)" };
      await expect(migrate(driver, [good, bad])).rejects.toThrow(/nowhere/);
      const tables = await driver.transaction((tx) =>
        tx.rows("select to_regclass('good') is not null as good, to_regclass('half') is not null as half"),
      );
      expect(tables).toEqual([{ good: true, half: false }]);
      expect(await migrate(driver, [good, { ...bad, sql: "create table half (a int)" }])).toEqual([
        "0002_bad",
      ]);
      await driver.close();
    });

    test("end when they are told to", async () => {
      const driver = await driverOf(await databases.fresh());
      await expect(
        migrate(driver, migrations, { signal: AbortSignal.abort(new Error("stop")) }),
      ).rejects.toThrow("stop");
      await driver.close();
    });
  });
});

describe("Postgres alone", () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());

  test("several servers that boot at once migrate once", async () => {
    const url = await postgres.database();
    const applied: string[] = [];
    const counting = pino(
      { level: "info" },
      { write: (line) => void applied.push(JSON.parse(line).migration) },
    );
    const stores = await Promise.all(Array.from({ length: 5 }, () => openStore({ url }, { log: counting })));
    expect(applied.sort()).toEqual(migrations.map(({ name }) => name));
    await Promise.all(stores.map((store) => store.close()));
  });

  test("a server waits for a Postgres that is not up yet, and one that stays away is named without its password", async () => {
    const url = (await postgres.database()).replace("galley@", "galley:hunter2@");
    await postgres.kill();
    await expect(openStore({ url }, { log, deadline: 300 })).rejects.toMatchObject({
      code: "database_unreachable",
      message: expect.not.stringContaining("hunter2"),
    });
    const waiting = awaitedLater(openStore({ url }, { log }));
    await postgres.start();
    const store = await waiting;
    await store.ping();
    await store.close();
  });

  test("waiting for it ends when the start is given up", async () => {
    const url = await postgres.database();
    await postgres.kill();
    const stop = new AbortController();
    const waiting = openStore(
      { url },
      { log: pino({ level: "warn" }, { write: () => stop.abort(new Error("stop")) }), signal: stop.signal },
    );
    await expect(waiting).rejects.toThrow();
    expect(stop.signal.aborted).toBe(true);
    await postgres.start();
  });

  test("a store outlives a crash of its database: it fails with a code, and works again after", async () => {
    const store = await openStore({ url: await postgres.database() }, { log });
    await store.ping();
    await postgres.kill();
    await expect(store.ping()).rejects.toMatchObject({ code: "database_unreachable" });
    await postgres.start();
    await expect
      .poll(
        () =>
          store.ping().then(
            () => "ok",
            (error: Error) => error.message,
          ),
        { timeout: 30_000 },
      )
      .toBe("ok");
    await store.close();
  });

  test("a wrong database is told at once", async () => {
    const url = (await postgres.database()).replace(/\/[^/]*$/, "/elsewhere");
    await expect(openStore({ url }, { log })).rejects.toMatchObject({
      code: "database_unreachable",
      message: expect.stringContaining("elsewhere"),
    });
  });
});
