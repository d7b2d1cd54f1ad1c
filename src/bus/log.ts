/** What this room writes its log to; pino's loggers are such. Fields never hold credentials or the content of messages. */
export interface BusLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
