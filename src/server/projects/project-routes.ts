import { eq } from "drizzle-orm";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { recordAudit } from "../audit/index.js";
import { parseLifespan } from "../config/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import { isUniqueViolation, newId, projects } from "../store/index.js";
import type { ProjectDeps } from "./deps.js";
import { environment, life, projectAnswer, projectName, resources } from "./fields.js";
import { parseRepositoryUrl } from "./repository-url.js";
import { secretRoutes } from "./secret-routes.js";

const params = z.object({ name: projectName });
const tags = ["projects"];

const secondsOf = (lifespan: string | null) => (lifespan === null ? null : (parseLifespan(lifespan) ?? null));

/** /projects and what is below it but deployments. */
export function projectRoutes(app: App, deps: ProjectDeps): void {
  const { store, now } = deps;
  const repository = (url: string) => parseRepositoryUrl(url, { allowLocal: deps.allowLocalRepositories });

  app.get(
    "/projects",
    {
      ...requireScope("read"),
      schema: { tags, response: { 200: z.object({ projects: z.array(projectAnswer) }) } },
    },
    async () => ({ projects: await deps.projects.all() }),
  );

  app.post(
    "/projects",
    {
      ...requireScope("admin"),
      schema: {
        tags,
        body: z.strictObject({
          name: projectName,
          url: z.string().min(1).max(500),
          env: environment.default({}),
          resources: resources.default({ cpus: null, memory: null }),
        }),
        response: { 201: projectAnswer },
      },
    },
    async (request, reply) => {
      const { name, url, env, resources } = request.body;
      const { url: kept, repoKey } = repository(url);
      const at = now();
      const row = {
        id: newId("prj"),
        name,
        url: kept,
        repoKey,
        env,
        ...resources,
        createdAt: at,
        updatedAt: at,
      };
      const created = await store.db
        .transaction(async (tx) => {
          const [inserted] = await tx.insert(projects).values(row).returning();
          await recordAudit(tx, actorOf(request), "project.create", name);
          return inserted;
        })
        .catch((error: unknown) => {
          if (!isUniqueViolation(error, "projects_name_unique")) throw error;
          throw new GalleyError("conflict", `There is a project ${JSON.stringify(name)} already.`, {
            hint: "Give this one another name.",
          });
        });
      if (!created) throw new GalleyError("internal", "The project was not stored.");
      return reply.code(201).send(await deps.projects.describe(created));
    },
  );

  app.get(
    "/projects/:name",
    { ...requireScope("read"), schema: { tags, params, response: { 200: projectAnswer } } },
    async ({ params }) => deps.projects.describe(await deps.projects.byName(params.name)),
  );

  app.patch(
    "/projects/:name",
    {
      ...requireScope("admin"),
      schema: {
        tags,
        summary:
          "Changes the repository, the default resources, or how long previews live. A credential is forgotten when the host is another one.",
        params,
        body: z.strictObject({
          url: z.string().min(1).max(500).optional(),
          resources: resources.optional(),
          life: life.optional(),
        }),
        response: { 200: projectAnswer },
      },
    },
    async (request) => {
      const { url, resources, life } = request.body;
      const changed = await store.db.transaction(async (tx) => {
        const row = await deps.projects.lock(request.params.name, tx);
        const next = url === undefined ? undefined : repository(url);
        // A credential is for the host that it was given for; no other is to see it.
        const otherHost = next && next.host !== parseRepositoryUrl(row.url, { allowLocal: true }).host;
        const [updated] = await tx
          .update(projects)
          .set({
            ...(next ? { url: next.url, repoKey: next.repoKey } : {}),
            ...(otherHost ? { credentialKind: null, credentialSealed: null, credentialChangedAt: null } : {}),
            ...(resources ?? {}),
            ...(life?.ttl === undefined ? {} : { ttlSeconds: secondsOf(life.ttl) }),
            ...(life?.idle === undefined ? {} : { idleSeconds: secondsOf(life.idle) }),
            updatedAt: now(),
          })
          .where(eq(projects.id, row.id))
          .returning();
        await recordAudit(tx, actorOf(request), "project.change", row.name);
        return updated ?? row;
      });
      return deps.projects.describe(changed);
    },
  );

  app.put(
    "/projects/:name/env",
    {
      ...requireScope("admin"),
      schema: {
        tags,
        summary:
          "Replaces all variables. They are shown to everybody who may read: a secret belongs among the secrets.",
        params,
        body: z.strictObject({ env: environment }),
        response: { 200: projectAnswer },
      },
    },
    async (request) => {
      const changed = await store.db.transaction(async (tx) => {
        const row = await deps.projects.lock(request.params.name, tx);
        const [updated] = await tx
          .update(projects)
          .set({ env: request.body.env, updatedAt: now() })
          .where(eq(projects.id, row.id))
          .returning();
        await recordAudit(tx, actorOf(request), "project.env", row.name);
        return updated ?? row;
      });
      return deps.projects.describe(changed);
    },
  );

  app.delete(
    "/projects/:name",
    { ...requireScope("admin"), schema: { tags, params, response: { 204: z.null() } } },
    async (request, reply) => {
      await store.db.transaction(async (tx) => {
        const row = await deps.projects.lock(request.params.name, tx);
        await deps.beforeDelete(tx, { id: row.id, name: row.name });
        await tx.delete(projects).where(eq(projects.id, row.id));
        await recordAudit(tx, actorOf(request), "project.delete", row.name);
      });
      return reply.code(204).send(null);
    },
  );

  secretRoutes(app, deps);
}
