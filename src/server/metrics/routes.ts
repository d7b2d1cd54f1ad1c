import { createHash, timingSafeEqual } from "node:crypto";
import { GalleyError } from "../../errors/index.js";
import { type App, publicAccess } from "../http/index.js";
import type { Metrics } from "./metrics.js";

/** `/metrics`. With a token only for who shows it as `Authorization: Bearer …`, as Prometheus does with `authorization.credentials`. */
export function metricsRoute(app: App, metrics: Metrics, token: string | null): void {
  app.get(
    "/metrics",
    { ...publicAccess, schema: { tags: ["health"], hide: true } },
    async (request, reply) => {
      if (token !== null && !same(`Bearer ${token}`, request.headers.authorization ?? ""))
        throw new GalleyError("unauthorized", "The metrics are for who has their token.", {
          hint: "Send `Authorization: Bearer` with the value of GALLEY_METRICS_TOKEN.",
        });
      const { type, body } = await metrics.text();
      return reply.type(type).send(body);
    },
  );
}

const digest = (text: string) => createHash("sha256").update(text).digest();
const same = (a: string, b: string) => timingSafeEqual(digest(a), digest(b));

/** Measures the answers of the routes that are added to the same instance. */
export function measureAnswers(app: App, metrics: Metrics): void {
  app.addHook("onResponse", async (request, reply) => {
    const { url: route = "none", method } = request.routeOptions;
    // Those last as long as somebody reads.
    if (String(reply.getHeader("content-type")).startsWith("text/event-stream")) return;
    metrics.httpAnswered({ method: String(method), route, status: reply.statusCode }, reply.elapsedTime);
  });
}
