import { asc, eq, getTableColumns, sql } from "drizzle-orm";
import type { Job, RepositoryCredential } from "../../bus/index.js";
import { GalleyError } from "../../errors/index.js";
import { formatLifespan } from "../config/index.js";
import { bindings, type Vault } from "../secrets/index.js";
import { type Database, projectRegistries, projectSecrets, projects, type Store } from "../store/index.js";
import type { ProjectAnswer } from "./fields.js";

/** What a job says of its project, secrets in the clear: for the answer to a claim and nothing else. */
export type ProjectForJob = Pick<Job, "project" | "env" | "secrets" | "registries" | "resources">;

export type ProjectRow = typeof projects.$inferSelect;

export interface Projects {
  /** Throws `not_found`. */
  byName(name: string, db?: Database): Promise<ProjectRow>;
  /** The same, and nobody else changes or deletes it, or adds an environment to it, until `tx` ends. */
  lock(name: string, tx: Database): Promise<ProjectRow>;
  all(): Promise<ProjectAnswer[]>;
  describe(row: ProjectRow): Promise<ProjectAnswer>;
  /** `db`: a transaction to read in. Throws `not_found`, and `internal` when a sealed value does not open. */
  forJob(projectId: string, db?: Database): Promise<ProjectForJob>;
}

export function createProjects({ store, vault }: { store: Store; vault: Vault }): Projects {
  return {
    async byName(name, db = store.db) {
      const [row] = await db.select().from(projects).where(eq(projects.name, name));
      if (!row) throw notFound(name);
      return row;
    },

    async lock(name, tx) {
      const [row] = await tx.select().from(projects).where(eq(projects.name, name)).for("update");
      if (!row) throw notFound(name);
      return row;
    },

    async all() {
      const [rows, secrets, registries] = await Promise.all([
        store.db.select().from(projects).orderBy(asc(projects.name)),
        store.db.select().from(projectSecrets).orderBy(asc(projectSecrets.key)),
        store.db.select().from(projectRegistries).orderBy(asc(projectRegistries.host)),
      ]);
      return rows.map((row) =>
        answer(
          row,
          secrets.filter(({ projectId }) => projectId === row.id),
          registries.filter(({ projectId }) => projectId === row.id),
        ),
      );
    },

    async describe(row) {
      const [secrets, registries] = await Promise.all([
        store.db
          .select()
          .from(projectSecrets)
          .where(eq(projectSecrets.projectId, row.id))
          .orderBy(asc(projectSecrets.key)),
        store.db
          .select()
          .from(projectRegistries)
          .where(eq(projectRegistries.projectId, row.id))
          .orderBy(asc(projectRegistries.host)),
      ]);
      return answer(row, secrets, registries);
    },

    async forJob(projectId, db = store.db) {
      // One question: a claim waits for it.
      const [found] = await db
        .select({
          row: getTableColumns(projects),
          secrets: sql<SealedSecret[]>`(select coalesce(json_agg(s), '[]'::json)
            from (select key, sealed from project_secrets where project_id = projects.id) s)`,
          registries: sql<SealedLogin[]>`(select coalesce(json_agg(r), '[]'::json)
            from (select host, username, sealed from project_registries where project_id = projects.id) r)`,
        })
        .from(projects)
        .where(eq(projects.id, projectId));
      if (!found) throw notFound(projectId);
      const { row, secrets, registries } = found;
      return {
        project: {
          id: row.id,
          name: row.name,
          repoKey: row.repoKey,
          url: row.url,
          credential:
            row.credentialSealed === null
              ? null
              : (JSON.parse(
                  vault.open(bindings.credential(row.id), row.credentialSealed),
                ) as RepositoryCredential),
        },
        env: row.env,
        secrets: Object.fromEntries(
          secrets.map(({ key, sealed }) => [key, vault.open(bindings.secret(row.id, key), sealed)]),
        ),
        registries: Object.fromEntries(
          registries.map(({ host, username, sealed }) => [
            host,
            { username, password: vault.open(bindings.registry(row.id, host), sealed) },
          ]),
        ),
        resources: { cpus: row.cpus, memory: row.memory },
      };
    },
  };
}

const notFound = (name: string) =>
  new GalleyError("not_found", `There is no project ${JSON.stringify(name)}.`, {
    hint: "`galley project ls` lists them.",
  });

const lifespan = (seconds: number | null) => (seconds === null ? null : formatLifespan(seconds));

type SealedSecret = Pick<typeof projectSecrets.$inferSelect, "key" | "sealed">;
type SealedLogin = Pick<typeof projectRegistries.$inferSelect, "host" | "username" | "sealed">;
type SecretRow = Pick<typeof projectSecrets.$inferSelect, "key" | "changedAt">;
type RegistryRow = Pick<typeof projectRegistries.$inferSelect, "host" | "username" | "changedAt">;

function answer(row: ProjectRow, secrets: SecretRow[], registries: RegistryRow[]): ProjectAnswer {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    repoKey: row.repoKey,
    env: row.env,
    resources: { cpus: row.cpus, memory: row.memory },
    life: { ttl: lifespan(row.ttlSeconds), idle: lifespan(row.idleSeconds) },
    credential:
      row.credentialKind && row.credentialChangedAt
        ? { kind: row.credentialKind, changedAt: row.credentialChangedAt.toISOString() }
        : null,
    secrets: secrets.map(({ key, changedAt }) => ({ key, changedAt: changedAt.toISOString() })),
    registries: registries.map(({ host, username, changedAt }) => ({
      host,
      username,
      changedAt: changedAt.toISOString(),
    })),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
