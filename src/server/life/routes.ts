import { z } from "zod";
import { recordAudit } from "../audit/index.js";
import { durationForm, parseDuration } from "../config/index.js";
import { environmentView, idParams, readEnvironment, viewEnvironment } from "../deployments/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import type { QueueDeps } from "../queue/index.js";
import { changeLife, type LifeChange } from "./change.js";

const duration = z
  .string()
  .max(20)
  .refine((text) => parseDuration(text) !== undefined, `must be ${durationForm}`);

/** Pinning and extending environments. */
export function lifeRoutes(app: App, deps: QueueDeps): void {
  const { db } = deps;
  const schema = { tags: ["environments"], params: idParams, response: { 200: environmentView } };
  const deploy = requireScope("deploy");
  const change = async (
    request: Parameters<typeof actorOf>[0],
    id: string,
    what: LifeChange,
  ): Promise<z.infer<typeof environmentView>> => {
    const { environment, project } = await readEnvironment(db, id);
    const row = await changeLife(deps, id, what, (tx) =>
      recordAudit(tx, actorOf(request), `environment.${what.type}`, `${project}/${environment.name}`),
    );
    return viewEnvironment(row, project);
  };

  app.post(
    "/environments/:id/pin",
    { ...deploy, schema: { ...schema, summary: "Keeps an environment from expiring." } },
    (request) => change(request, request.params.id, { type: "pin" }),
  );

  app.post(
    "/environments/:id/unpin",
    { ...deploy, schema: { ...schema, summary: "Lets an environment expire again; its time begins anew." } },
    (request) => change(request, request.params.id, { type: "unpin" }),
  );

  app.post(
    "/environments/:id/extend",
    {
      ...deploy,
      schema: {
        ...schema,
        summary: "Lets an environment expire later: adds to the time that it has.",
        body: z.strictObject({
          for: duration
            .nullable()
            .default(null)
            .describe(`${durationForm}; null: as long as a new one lives.`),
        }),
      },
    },
    (request) => {
      const { for: text } = request.body;
      const seconds = text === null ? null : (parseDuration(text) ?? null);
      return change(request, request.params.id, { type: "extend", seconds });
    },
  );
}
