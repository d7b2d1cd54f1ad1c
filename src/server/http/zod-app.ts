import type { IncomingMessage, ServerResponse } from "node:http";
import type { FastifyInstance, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Logger } from "pino";

/** A fastify instance on which schemas are zod's. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, Logger, ZodTypeProvider>;

declare module "fastify" {
  interface FastifyInstance {
    /** Aborted when the server begins to close: streams that would go on for ever end themselves. */
    closing: AbortSignal;
  }
}
