import { GalleyError } from "../../errors/index.js";

interface SqlError {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** The error of the database itself, below what drizzle has wrapped around it. */
function sqlError(error: unknown): SqlError | undefined {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 5; depth++) {
    if (typeof (at as SqlError).code === "string") return at as SqlError;
    at = (at as SqlError).cause;
  }
  return undefined;
}

/** Has the database refused a row because another has the same value? With `constraint`: the one of that name. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  const found = sqlError(error);
  return found?.code === "23505" && (constraint === undefined || found.constraint === constraint);
}

const network = new Set(["connect", "getaddrinfo", "read", "write"]);
const lostWords =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after|Query read timeout|PGlite is clos)/;

/**
 * Is the database away, so that the same query may succeed later? Class 08 are failed connections, 57P01..3 a server that stops or
 * starts, 53300 one with too many clients (Postgres, appendix A).
 */
export function isDatabaseAway(error: unknown): boolean {
  const found = sqlError(error);
  if (found && network.has(String(found.syscall))) return true;
  if (found) return /^(08...|57P0[123]|53300)$/.test(String(found.code));
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
    if (lostWords.test(at.message)) return true;
  return false;
}

/** The database's own words without the query and its parameters, which drizzle and PGlite put into their errors. */
export function databaseUnreachable(error: unknown): GalleyError {
  let last = error;
  while (last instanceof Error && last.cause !== undefined) last = last.cause;
  const found = sqlError(error) ?? (last as SqlError | undefined);
  const words = typeof found?.message === "string" && found.message !== "" ? found.message : found?.code;
  return new GalleyError(
    "database_unreachable",
    `The database does not answer: ${words ?? "no connection"}.`,
    {
      hint: "See that the database of GALLEY_DATABASE_URL runs and can be reached from the server.",
    },
  );
}
