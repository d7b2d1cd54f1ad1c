import { and, count, eq, ne } from "drizzle-orm";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { type AuditAction, recordAudit } from "../audit/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import { bindings } from "../secrets/index.js";
import { type Database, projectRegistries, projectSecrets, projects } from "../store/index.js";
import type { ProjectDeps } from "./deps.js";
import {
  credential,
  maxVariables,
  projectName,
  registryHost,
  registryLogin,
  value,
  variableName,
} from "./fields.js";

type Request = Parameters<typeof actorOf>[0];

/** What is written and never read back: secrets, the repository's credential, logins of registries. */
export function secretRoutes(
  app: App,
  { store, vault, projects: rows, now }: Omit<ProjectDeps, "beforeDelete">,
): void {
  /** One change of one project with its line in the audit log. `change` resolves with the audit's target. */
  const change = (
    request: Request & { params: { name: string } },
    action: AuditAction,
    work: (tx: Database, id: string) => Promise<string>,
  ): Promise<void> =>
    store.db.transaction(async (tx) => {
      const { id, name } = await rows.lock(request.params.name, tx);
      const what = await work(tx, id);
      await tx.update(projects).set({ updatedAt: now() }).where(eq(projects.id, id));
      await recordAudit(tx, actorOf(request), action, what === "" ? name : `${name}/${what}`);
    });
  const named = z.object({ name: projectName });
  const options = (summary: string) => ({ tags: ["projects"], summary, response: { 204: z.null() } });

  const secret = named.extend({ key: variableName });
  app.put(
    "/projects/:name/secrets/:key",
    {
      ...requireScope("admin"),
      schema: {
        ...options("Sets a secret. No answer ever shows it."),
        params: secret,
        body: z.strictObject({ value }),
      },
    },
    async (request, reply) => {
      const { key } = request.params;
      await change(request, "secret.set", async (tx, id) => {
        const [others] = await tx
          .select({ count: count() })
          .from(projectSecrets)
          .where(and(eq(projectSecrets.projectId, id), ne(projectSecrets.key, key)));
        if ((others?.count ?? 0) >= maxVariables)
          throw new GalleyError("conflict", `A project has at most ${maxVariables} secrets.`);
        const set = { sealed: vault.seal(bindings.secret(id, key), request.body.value), changedAt: now() };
        await tx
          .insert(projectSecrets)
          .values({ projectId: id, key, ...set })
          .onConflictDoUpdate({ target: [projectSecrets.projectId, projectSecrets.key], set });
        return key;
      });
      return reply.code(204).send(null);
    },
  );
  app.delete(
    "/projects/:name/secrets/:key",
    { ...requireScope("admin"), schema: { ...options("Removes a secret."), params: secret } },
    async (request, reply) => {
      const { key } = request.params;
      await change(request, "secret.remove", async (tx, id) => {
        const gone = await tx
          .delete(projectSecrets)
          .where(and(eq(projectSecrets.projectId, id), eq(projectSecrets.key, key)))
          .returning({ key: projectSecrets.key });
        if (gone.length === 0)
          throw new GalleyError("not_found", `The project has no secret ${JSON.stringify(key)}.`);
        return key;
      });
      return reply.code(204).send(null);
    },
  );

  app.put(
    "/projects/:name/credential",
    {
      ...requireScope("admin"),
      schema: {
        ...options("Sets how the repository is read. No answer ever shows it."),
        params: named,
        body: credential,
      },
    },
    async (request, reply) => {
      await change(request, "credential.set", async (tx, id) => {
        const sealed = vault.seal(bindings.credential(id), JSON.stringify(request.body));
        await tx
          .update(projects)
          .set({ credentialKind: request.body.kind, credentialSealed: sealed, credentialChangedAt: now() })
          .where(eq(projects.id, id));
        return "";
      });
      return reply.code(204).send(null);
    },
  );
  app.delete(
    "/projects/:name/credential",
    { ...requireScope("admin"), schema: { ...options("Forgets the credential."), params: named } },
    async (request, reply) => {
      await change(request, "credential.remove", async (tx, id) => {
        await tx
          .update(projects)
          .set({ credentialKind: null, credentialSealed: null, credentialChangedAt: null })
          .where(eq(projects.id, id));
        return "";
      });
      return reply.code(204).send(null);
    },
  );

  const registry = named.extend({ host: registryHost });
  app.put(
    "/projects/:name/registries/:host",
    {
      ...requireScope("admin"),
      schema: {
        ...options("Sets the login to a registry of images."),
        params: registry,
        body: registryLogin,
      },
    },
    async (request, reply) => {
      const { host } = request.params;
      const { username, password } = request.body;
      await change(request, "registry.set", async (tx, id) => {
        const set = { username, sealed: vault.seal(bindings.registry(id, host), password), changedAt: now() };
        await tx
          .insert(projectRegistries)
          .values({ projectId: id, host, ...set })
          .onConflictDoUpdate({ target: [projectRegistries.projectId, projectRegistries.host], set });
        return host;
      });
      return reply.code(204).send(null);
    },
  );
  app.delete(
    "/projects/:name/registries/:host",
    {
      ...requireScope("admin"),
      schema: { ...options("Forgets the login to a registry."), params: registry },
    },
    async (request, reply) => {
      const { host } = request.params;
      await change(request, "registry.remove", async (tx, id) => {
        const gone = await tx
          .delete(projectRegistries)
          .where(and(eq(projectRegistries.projectId, id), eq(projectRegistries.host, host)))
          .returning({ host: projectRegistries.host });
        if (gone.length === 0)
          throw new GalleyError("not_found", `The project has no login to ${JSON.stringify(host)}.`);
        return host;
      });
      return reply.code(204).send(null);
    },
  );
}
