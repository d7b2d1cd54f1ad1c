import { desc, lt } from "drizzle-orm";
import { z } from "zod";
import { type App, requireScope } from "../http/index.js";
import { auditLog, type Store } from "../store/index.js";

const entry = z.object({
  id: z.number(),
  at: z.iso.datetime(),
  actor: z.object({
    kind: z.enum(["user", "token", "agent", "system", "anonymous"]),
    id: z.string().nullable(),
    name: z.string(),
  }),
  action: z.string(),
  target: z.string().nullable(),
  address: z.string().nullable(),
  requestId: z.string().nullable(),
});

/** /audit: the newest entries first; `before` is the id of the last one of the page before. */
export function auditRoutes(app: App, { store }: { store: Store }): void {
  app.get(
    "/audit",
    {
      ...requireScope("admin"),
      schema: {
        tags: ["audit"],
        querystring: z.strictObject({
          before: z.coerce.number().int().min(1).optional(),
          limit: z.coerce.number().int().min(1).max(500).default(100),
        }),
        response: { 200: z.object({ entries: z.array(entry) }) },
      },
    },
    async ({ query: { before, limit } }) => {
      const rows = await store.db
        .select()
        .from(auditLog)
        .where(before === undefined ? undefined : lt(auditLog.id, before))
        .orderBy(desc(auditLog.id))
        .limit(limit);
      return {
        entries: rows.map(({ actorKind, actorId, actorName, at, ...rest }) => ({
          ...rest,
          at: at.toISOString(),
          actor: { kind: actorKind, id: actorId, name: actorName },
        })),
      };
    },
  );
}
