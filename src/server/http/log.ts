import { type DestinationStream, type Logger, pino } from "pino";

export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

const secretFields = [
  "authorization",
  "cookie",
  "set-cookie",
  "password",
  "token",
  "secret",
  "secrets",
  "privateKey",
  "masterKey",
  "jwt",
  "seed",
  "credential",
  "sealed",
];
/** At the top of a record and up to three levels below. */
const redacted = ["", "*.", "*.*.", "*.*.*."].flatMap((depth) =>
  secretFields.map((field) =>
    field.includes("-") ? `${depth.slice(0, -1)}["${field}"]` : `${depth}${field}`,
  ),
);

/** The server's log: JSON lines, on standard output unless `destination` says otherwise. Secrets are taken out by the names of fields. */
export function createLog(options: { level: LogLevel; destination?: DestinationStream }): Logger {
  const settings = {
    level: options.level,
    redact: { paths: redacted, censor: "[redacted]" },
    serializers: { err: describeError, error: describeError },
  };
  return options.destination ? pino(settings, options.destination) : pino(settings);
}

/** An error without what drizzle and PGlite add to theirs: the parameters of the query, secrets among them. */
export function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  const message = error.message.replace(/\nparams: [\s\S]*$/, "");
  const frames = error.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    message,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(typeof constraint === "string" ? { constraint } : {}),
    ...(depth === 0 && frames ? { stack: frames.join("\n") } : {}),
    ...(error.cause !== undefined && depth < 4 ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}
