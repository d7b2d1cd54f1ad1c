import rateLimit from "@fastify/rate-limit";
import { GalleyError } from "../../errors/index.js";
import type { App } from "./zod-app.js";

export interface RateLimits {
  /** Requests a minute from one address, all routes together but what previews that sleep are asked. Default 1200, and as many of those. */
  readonly perMinute?: number;
  /** Requests a minute from one address to each route that takes a password or a bootstrap token. Default 20. */
  readonly guessesPerMinute?: number;
}

declare module "fastify" {
  interface FastifyInstance {
    /** Limit for a route where something could be guessed: `config: { access: "public", rateLimit: app.guessLimit }`. */
    guessLimit: { max: number; timeWindow: number };
    /** As high as that of all others together, and counted apart: who asks a preview takes nothing from the API of others behind their address. */
    previewLimit: { max: number; timeWindow: number };
  }
}

const minute = 60_000;

export async function addRateLimits(app: App, limits: RateLimits = {}): Promise<void> {
  app.decorate("guessLimit", { max: limits.guessesPerMinute ?? 20, timeWindow: minute });
  const max = limits.perMinute ?? 1200;
  app.decorate("previewLimit", { max, timeWindow: minute });
  await app.register(rateLimit, {
    max,
    timeWindow: minute,
    cache: 10_000,
    errorResponseBuilder: (_request, { ttl }) => tooMany(ttl),
  });
}

/** `ttl`: milliseconds until the next one is taken. */
export const tooMany = (ttl: number): GalleyError =>
  new GalleyError("rate_limited", "There were too many requests.", {
    hint: `Come again in ${Math.max(1, Math.ceil(ttl / 1000))} seconds.`,
  });
