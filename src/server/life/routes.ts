import { z } from "zod";
import { recordAudit } from "../audit/index.js";
import { durationForm, parseDuration } from "../config/index.js";
import { environmentView, idParams, readEnvironment, viewEnvironment } from "../deployments/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import type { QueueDeps } from "../queue/index.js";
import { changeLife, type LifeChange } from "./change.js";
import { hibernate, wake } from "./rest.js";
import { listRuntimeEvents, runtimeEventView } from "./runtime-events.js";

const duration = z
  .string()
  .max(20)
  .refine((text) => parseDuration(text) !== undefined, `must be ${durationForm}`);

/** Pinning, extending, hibernating and waking environments, and what has happened to them. */
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

  app.post(
    "/environments/:id/hibernate",
    {
      ...deploy,
      schema: {
        ...schema,
        summary:
          "Stops the containers of an environment and keeps everything; its agent does so at once, or when it is back.",
      },
    },
    async (request) => {
      const { project } = await readEnvironment(db, request.params.id);
      const row = await hibernate(deps, request.params.id, (tx, { name }) =>
        recordAudit(tx, actorOf(request), "environment.hibernate", `${project}/${name}`),
      );
      return viewEnvironment(row, project);
    },
  );

  app.post(
    "/environments/:id/wake",
    { ...deploy, schema: { ...schema, summary: "Starts the containers of a hibernated environment again." } },
    async (request) => {
      const { project } = await readEnvironment(db, request.params.id);
      const row = await wake(deps, request.params.id, (tx, { name }) =>
        recordAudit(tx, actorOf(request), "environment.wake", `${project}/${name}`),
      );
      return viewEnvironment(row, project);
    },
  );

  app.get(
    "/environments/:id/runtime-events",
    {
      ...requireScope("read"),
      schema: {
        tags: ["environments"],
        summary:
          "What happened to its services outside of deployments, the newest first: the last 200 are kept.",
        params: idParams,
        querystring: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50) }),
        response: { 200: z.object({ events: z.array(runtimeEventView) }) },
      },
    },
    async ({ params: { id }, query: { limit } }) => {
      await readEnvironment(db, id);
      return { events: await listRuntimeEvents(db, id, limit) };
    },
  );
}
