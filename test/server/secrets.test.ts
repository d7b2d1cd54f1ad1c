import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { createLog } from "../../src/server/http/index.js";
import type { Projects } from "../../src/server/projects/index.js";
import { bindings } from "../../src/server/secrets/index.js";
import { createVault } from "../../src/server/secrets/vault.js";
import type { Store } from "../../src/server/store/index.js";
import { openStore } from "../../src/server/store/index.js";
import { projectSecrets } from "../../src/server/store/schema.js";
import { type Location, onEachDatabase } from "../support/databases.js";
import { newMasterKey, startGround } from "../support/ground-server.js";

const log = createLog({ level: "silent" });
const secrets = ["hunter2-secret", "hunter2-token", "hunter2-login", "hunter2 password"];

/** Every byte that the database keeps, as text. */
async function everything(location: Location): Promise<string> {
  if ("dataDir" in location)
    return readdirSync(location.dataDir, { recursive: true, encoding: "utf8" })
      .map((name) => join(location.dataDir, name))
      .filter((file) => statSync(file).isFile())
      .map((file) => readFileSync(file, "latin1"))
      .join("\n");
  const store = await openStore(location, { log });
  const tables = await store.db.execute<{ name: string }>(
    sql`select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind = 'r'`,
  );
  const rows: unknown[] = [];
  for (const { name } of tables.rows)
    rows.push((await store.db.execute(sql`select * from ${sql.identifier(name)}`)).rows);
  await store.close();
  return JSON.stringify(rows);
}

async function withSecrets(location: Location, masterKey = newMasterKey()) {
  const server = await startGround(location, { masterKey });
  const created = await server.call("POST", "/setup", { email: "ada@example.org", password: secrets[3] });
  const session = created.session;
  const { token } = (await server.call("POST", "/tokens", { name: "ci", scopes: ["admin"] }, { session }))
    .body;
  await server.call("POST", "/projects", { name: "shop", url: "https://git.example/shop" }, { session });
  await server.call("PUT", "/projects/shop/secrets/PASSWORD", { value: secrets[0] }, { session });
  await server.call("PUT", "/projects/shop/credential", { kind: "token", token: secrets[1] }, { session });
  await server.call(
    "PUT",
    "/projects/shop/registries/ghcr.io",
    { username: "ada", password: secrets[2] },
    { session },
  );
  const shown = JSON.stringify([
    (await server.call("GET", "/projects", undefined, { session })).body,
    (await server.call("GET", "/tokens", undefined, { session })).body,
    (await server.call("GET", "/audit", undefined, { session })).body,
    (await server.call("GET", "/me", undefined, { session })).body,
  ]);
  await server.close();
  return { masterKey, shown, log: server.log(), session: session ?? "", token: token as string };
}

onEachDatabase((databases) => {
  test("nothing secret can be read in the database, the answers or the logs", async () => {
    const location = await databases.fresh();
    const { masterKey, shown, log, session, token } = await withSecrets(location);
    const kept = await everything(location);
    // What is looked for would be found if it were there.
    expect(kept).toContain("ada@example.org");
    expect(kept).toContain("PASSWORD");
    expect(shown).toContain("PASSWORD");
    expect(log).toContain("/api/v1/projects/shop/secrets/PASSWORD");
    for (const secret of [...secrets, session, token, token.slice(11), masterKey.export().toString("hex")])
      for (const [where, text] of Object.entries({ kept, shown, log }))
        expect(text.includes(secret), `${secret} in ${where}`).toBe(false);
  });

  describe("the master key", () => {
    const jobOf = async (location: Location, keys: Parameters<typeof startGround>[1]) => {
      let projects: Projects | undefined;
      const server = await startGround(location, {
        ...keys,
        parts: [
          async (deps) => {
            projects = deps.projects;
            return { async stop() {} };
          },
        ],
      });
      const id = (await projects?.byName("shop"))?.id ?? "";
      const job = await projects?.forJob(id);
      await server.close();
      return job;
    };

    test("is refused when it is not the one of the database, and the database is left as it was", async () => {
      const location = await databases.fresh();
      const { masterKey } = await withSecrets(location);
      await expect(startGround(location, { masterKey: newMasterKey() })).rejects.toMatchObject({
        code: "master_key_invalid",
        hint: expect.stringContaining("GALLEY_MASTER_KEY_PREVIOUS"),
      });
      await expect(
        startGround(location, { masterKey: newMasterKey(), previousMasterKey: newMasterKey() }),
      ).rejects.toMatchObject({ code: "master_key_invalid" });
      expect((await jobOf(location, { masterKey }))?.secrets).toEqual({ PASSWORD: secrets[0] });
    });

    test("takes all secrets over from the one before it, which opens nothing any more", async () => {
      const location = await databases.fresh();
      const { masterKey: previousMasterKey } = await withSecrets(location);
      const masterKey = newMasterKey();
      const expected = {
        project: { credential: { kind: "token", token: secrets[1] } },
        secrets: { PASSWORD: secrets[0] },
        registries: { "ghcr.io": { password: secrets[2] } },
      };
      expect(await jobOf(location, { masterKey, previousMasterKey })).toMatchObject(expected);
      // Started again with both, and with the new one alone.
      expect(await jobOf(location, { masterKey, previousMasterKey })).toMatchObject(expected);
      expect(await jobOf(location, { masterKey })).toMatchObject(expected);
      await expect(startGround(location, { masterKey: previousMasterKey })).rejects.toMatchObject({
        code: "master_key_invalid",
      });
    });

    test("takes over all or nothing: one damaged value leaves every other under the key before", async () => {
      const location = await databases.fresh();
      const { masterKey: previousMasterKey } = await withSecrets(location);
      const damage = async (store: Store) => {
        const [row] = await store.db.select().from(projectSecrets);
        const value = row?.sealed ?? "";
        await store.db
          .insert(projectSecrets)
          .values({ projectId: row?.projectId ?? "", key: "MOVED", sealed: value });
        return row?.projectId ?? "";
      };
      const store = await openStore(location, { log });
      const projectId = await damage(store);
      await store.close();
      await expect(
        startGround(location, { masterKey: newMasterKey(), previousMasterKey }),
      ).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("MOVED"),
      });
      const again = await openStore(location, { log });
      const [row] = await again.db.select().from(projectSecrets).where(eq(projectSecrets.key, "PASSWORD"));
      await again.close();
      expect(
        createVault(previousMasterKey).open(bindings.secret(projectId, "PASSWORD"), row?.sealed ?? ""),
      ).toBe(secrets[0]);
    });

    // One process has the embedded database alone.
    if (databases.kind === "postgres")
      test("is taken once when two servers start at the same time with it", async () => {
        const location = await databases.fresh();
        const { masterKey: previousMasterKey } = await withSecrets(location);
        const masterKey = newMasterKey();
        const both = await Promise.all([
          startGround(location, { masterKey, previousMasterKey }),
          startGround(location, { masterKey, previousMasterKey }),
        ]);
        expect(
          both
            .map((server) => server.log())
            .join("")
            .split("took all secrets over").length - 1,
        ).toBe(1);
        await Promise.all(both.map((server) => server.close()));
      });
  });
});
