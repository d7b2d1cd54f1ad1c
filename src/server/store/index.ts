// The database: its tables, its migrations, and one way to open it on Postgres or embedded. Knows SQL and nothing of what the rows
// mean; the rooms of the server write their own queries on `store.db` with the tables from here.
export type { Database } from "./driver.js";
export { databaseUnreachable, isDatabaseAway, isUniqueViolation } from "./errors.js";
export { newId } from "./new-id.js";
export { type OpenStoreOptions, openStore, type Store, type StoreLocation } from "./open-store.js";
export * from "./schema.js";
