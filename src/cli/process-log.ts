import { type Logger, pino } from "pino";

const levels = ["debug", "info", "warn", "error"];

/** The log of a process that runs until it is stopped: JSON lines on stdout, from GALLEY_LOG_LEVEL (default `info`) on. */
export function processLog(env: NodeJS.ProcessEnv): Logger {
  const level = env.GALLEY_LOG_LEVEL ?? "";
  return pino({ level: levels.includes(level) ? level : "info" });
}
