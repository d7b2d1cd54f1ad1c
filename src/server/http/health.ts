import { z } from "zod";
import type { Store } from "../store/index.js";
import { publicAccess } from "./access.js";
import type { App } from "./zod-app.js";

/** Something that must work before requests are sent here. `check` throws when it does not. */
export interface ReadyCheck {
  readonly name: string;
  readonly check: () => Promise<void>;
}

const readiness = z.object({
  status: z.enum(["ready", "unavailable"]),
  /** By name: `ok` or what is wrong. */
  checks: z.record(z.string(), z.enum(["ok", "unavailable"])),
});

/** `/healthz`: the process runs and its event loop turns. `/readyz`: what it depends on answers, too. */
export function addHealth(app: App, store: Store, others: readonly ReadyCheck[]): void {
  const checks: ReadyCheck[] = [{ name: "database", check: () => store.ping() }, ...others];
  const options = { config: { ...publicAccess.config, rateLimit: false as const } };
  app.get(
    "/healthz",
    { ...options, schema: { tags: ["health"], response: { 200: z.object({ status: z.literal("ok") }) } } },
    () => ({ status: "ok" as const }),
  );
  app.get(
    "/readyz",
    { ...options, schema: { tags: ["health"], response: { 200: readiness, 503: readiness } } },
    async (request, reply) => {
      const results = await Promise.all(
        checks.map(async ({ name, check }) => {
          try {
            await check();
            return [name, "ok"] as const;
          } catch (error) {
            request.log.warn({ err: error, check: name }, "not ready");
            return [name, "unavailable"] as const;
          }
        }),
      );
      const ready = results.every(([, result]) => result === "ok");
      return reply
        .code(ready ? 200 : 503)
        .send({ status: ready ? "ready" : "unavailable", checks: Object.fromEntries(results) });
    },
  );
}
