import type { PgDatabase, PgQueryResultHKT } from "drizzle-orm/pg-core";

interface Rows<Row> {
  rows: Row[];
}

/** What `db.execute` answers with, on both databases. */
interface RowsResult extends PgQueryResultHKT {
  type: Rows<this["row"]>;
}

/**
 * The database as drizzle shows it, the same for Postgres and PGlite; a transaction is one too. PGlite has one connection: inside of
 * `db.transaction(async (tx) => …)` a query on `db` instead of `tx` waits for itself.
 */
export type Database = PgDatabase<RowsResult>;

/** One connection within one transaction, below drizzle: for what drizzle cannot say. */
export interface RawTransaction {
  /** Several statements, without parameters. */
  script(text: string): Promise<void>;
  rows(text: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

/** What differs between Postgres and PGlite. */
export interface Driver {
  readonly kind: "postgres" | "pglite";
  readonly db: Database;
  transaction<T>(work: (transaction: RawTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
