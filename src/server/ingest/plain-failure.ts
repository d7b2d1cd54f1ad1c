import type { Logger } from "pino";
import { GalleyError } from "../../errors/index.js";
import { databaseUnreachable, isDatabaseAway } from "../store/index.js";

/**
 * What may be said to an agent, or logged by a room that does not know the database: drizzle's errors hold the query with its
 * parameters. The whole of a fault of ours is in the log, by the rules of the server's own.
 */
export async function withPlainFailures<T>(log: Logger, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof GalleyError) throw error;
    if (isDatabaseAway(error)) throw databaseUnreachable(error);
    log.error({ err: error }, "something went wrong for an agent");
    throw new GalleyError("internal", "Something went wrong in the server.");
  }
}
