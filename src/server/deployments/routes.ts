import type { FastifyReply } from "fastify";
import { z } from "zod";
import { type App, requireScope } from "../http/index.js";
import { resumeAfter, sendEventStream } from "./event-stream.js";
import { eventsAfter, logsAfter } from "./events.js";
import type { FollowDeps } from "./follow.js";
import {
  latestDeployments,
  listDeployments,
  listEnvironments,
  projectByName,
  readDeployment,
  readEnvironment,
} from "./read.js";
import { isFinal } from "./states.js";
import { deploymentView, environmentView, viewDeployment, viewEnvironment } from "./views.js";

export const idParams = z.object({ id: z.string().regex(/^[a-z0-9]{4,40}$/) });
export const nameParams = z.object({ name: z.string().max(40) });

const limit = (most: number, usual: number) => z.coerce.number().int().min(1).max(most).default(usual);
const after = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0);

/** Reading: environments, deployments, their events and logs. */
export function deploymentRoutes(app: App, deps: FollowDeps): void {
  const { db } = deps;
  const read = requireScope("read");

  app.get(
    "/environments",
    {
      ...read,
      schema: {
        tags: ["environments"],
        querystring: z.object({ project: z.string().max(40).optional().describe("Name of a project.") }),
        response: {
          200: z.object({
            environments: z.array(
              environmentView.extend({
                latest: deploymentView.nullable().describe("Its newest deployment."),
              }),
            ),
          }),
        },
      },
    },
    async ({ query: { project } }) => {
      const id = project === undefined ? undefined : (await projectByName(db, project)).id;
      const rows = await listEnvironments(db, id);
      const latest = await latestDeployments(
        db,
        rows.map(({ environment }) => environment.id),
      );
      return {
        environments: rows.map(({ environment, project }) => {
          const newest = latest.get(environment.id);
          return { ...viewEnvironment(environment, project), latest: newest ? viewDeployment(newest) : null };
        }),
      };
    },
  );

  app.get(
    "/environments/:id",
    {
      ...read,
      schema: {
        tags: ["environments"],
        params: idParams,
        response: {
          200: environmentView.extend({ deployments: z.array(deploymentView).describe("The last ten.") }),
        },
      },
    },
    async ({ params: { id } }) => {
      const { environment, project } = await readEnvironment(db, id);
      const recent = await listDeployments(db, { environment: id }, { limit: 10 });
      return { ...viewEnvironment(environment, project), deployments: recent.map(viewDeployment) };
    },
  );

  app.get(
    "/projects/:name/deployments",
    {
      ...read,
      schema: {
        tags: ["deployments"],
        params: nameParams,
        querystring: z.object({
          limit: limit(200, 50),
          before: z.string().max(40).optional().describe("Id of the last one of the page before."),
        }),
        response: { 200: z.object({ deployments: z.array(deploymentView) }) },
      },
    },
    async ({ params: { name }, query }) => {
      const { id } = await projectByName(db, name);
      return { deployments: (await listDeployments(db, { project: id }, query)).map(viewDeployment) };
    },
  );

  app.get(
    "/deployments/:id",
    { ...read, schema: { tags: ["deployments"], params: idParams, response: { 200: deploymentView } } },
    async ({ params: { id } }) => viewDeployment(await readDeployment(db, id)),
  );

  app.get(
    "/deployments/:id/events",
    {
      ...read,
      schema: {
        tags: ["deployments"],
        summary: "A page of events; with `Accept: text/event-stream` all, as they come.",
        params: idParams,
        querystring: z.object({ after, limit: limit(500, 100) }),
        response: { 200: eventPage },
      },
    },
    async (request, reply): Promise<z.infer<typeof eventPage>> => {
      const { id } = request.params;
      const { after, limit } = request.query;
      if (/\btext\/event-stream\b/i.test(request.headers.accept ?? "")) {
        const from = { id, after: resumeAfter(request, after), closing: app.closing };
        return (await sendEventStream(deps, request, reply as unknown as FastifyReply, from)) as never;
      }
      const { deployment } = await readDeployment(db, id);
      const events = await eventsAfter(db, id, after, limit);
      return {
        events: events.map(({ id, text }) => ({ cursor: id, event: JSON.parse(text) })),
        next: events.at(-1)?.id ?? after,
        final: isFinal(deployment.state),
      };
    },
  );

  app.get(
    "/deployments/:id/logs",
    {
      ...read,
      schema: {
        tags: ["deployments"],
        summary: "Lines of the build logs in the order in which they were written.",
        params: idParams,
        querystring: z.object({
          service: z.string().max(64).optional(),
          attempt: z.coerce.number().int().min(1).optional().describe("Default: the last one."),
          after: after.describe("`seq` of the last event of the page before."),
          limit: limit(200, 100).describe("Events; each has one or more lines."),
        }),
        response: { 200: logPage },
      },
    },
    async ({ params: { id }, query }) => {
      const { deployment } = await readDeployment(db, id);
      const attempt = query.attempt ?? deployment.attempt;
      const found = await logsAfter(db, { ...query, deployment: id, attempt });
      return {
        attempt,
        lines: found.flatMap(({ seq, service, body }) => {
          const { step, lines } = body as { step: string; lines: z.infer<typeof logLine>[] };
          return lines.map(({ stream, text, at }) => ({ seq, service, step, stream, text, at }));
        }),
        next: found.at(-1)?.seq ?? query.after,
        final: isFinal(deployment.state),
      };
    },
  );
}

const eventPage = z.object({
  events: z.array(
    z.object({
      cursor: z.int().describe("For `after`, and as Last-Event-ID."),
      event: z.looseObject({}).describe("In its envelope."),
    }),
  ),
  next: z.int().describe("`after` of the next page."),
  final: z.boolean().describe("The deployment has come to an end. Log lines may still be on their way."),
});

const logLine = z.object({
  seq: z.int(),
  service: z.string().nullable(),
  step: z.string(),
  stream: z.enum(["stdout", "stderr"]),
  text: z.string(),
  at: z.string(),
});

const logPage = z.object({
  attempt: z.int(),
  lines: z.array(logLine),
  next: z.int().describe("`after` of the next page."),
  final: z.boolean(),
});
