/** What this room writes its log to; pino's loggers are such. */
export interface IngressLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
