import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import type { Logger } from "pino";
import type { Database, Driver, RawTransaction } from "./driver.js";

const seconds = 1000;

/** A pool of connections to a Postgres of its own. Makes no connection yet. */
export function postgresDriver(options: { url: string; log: Logger }): Driver {
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: "galley-server",
    max: 16,
    connectionTimeoutMillis: 10 * seconds,
    idleTimeoutMillis: 60 * seconds,
    keepAlive: true,
    // No query waits for ever, neither for a lock nor for a client that has died within a transaction.
    statement_timeout: 30 * seconds,
    query_timeout: 40 * seconds,
    idle_in_transaction_session_timeout: 60 * seconds,
  });
  // A connection that breaks while it lies idle; the next query makes another.
  pool.on("error", (error) =>
    options.log.warn({ reason: error.message }, "lost a connection to the database"),
  );
  return {
    kind: "postgres",
    db: drizzle(pool) as unknown as Database,
    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query("begin");
        const result = await work(rawTransaction(client));
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch((lost: Error) => {
          broken = lost;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** For migrations: a table that is rewritten may take minutes. */
const longest = 600 * seconds;

function rawTransaction(client: pg.PoolClient): RawTransaction {
  return {
    async script(text) {
      await client.query(query(text));
    },
    async rows(text, parameters) {
      return (await client.query<Record<string, unknown>>(query(text, parameters))).rows;
    },
  };
}

/** `query_timeout` of one query goes before the pool's; the types do not know it. */
const query = (text: string, values?: readonly unknown[]): pg.QueryConfig & { query_timeout: number } => ({
  text,
  query_timeout: longest,
  ...(values ? { values: [...values] } : {}),
});
