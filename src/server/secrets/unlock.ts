import type { KeyObject } from "node:crypto";
import { and, eq, isNotNull, sql } from "drizzle-orm";
import type { Logger } from "pino";
import { GalleyError } from "../../errors/index.js";
import {
  type Database,
  instance,
  projectRegistries,
  projectSecrets,
  projects,
  type Store,
} from "../store/index.js";
import { bindings } from "./bindings.js";
import { createVault, type Vault } from "./vault.js";

const checkKey = "master_key_check";
const checkText = "the master key of this database";

/**
 * Opens the vault of a database. The first start stores a check value; later ones must open it. With `previous`, values that were
 * sealed under that key are taken over, all or none, before it resolves. Throws `master_key_invalid` for a key that is not this
 * database's.
 */
export async function unlock(
  store: Store,
  keys: { masterKey: KeyObject; previous: KeyObject | null },
  log: Logger,
): Promise<Vault> {
  const vault = createVault(keys.masterKey);
  await store.db.transaction(async (tx) => {
    // Two servers may start at once, and both rotate.
    await tx.execute(sql`select pg_advisory_xact_lock(113668128531834)`);
    const [found] = await tx.select().from(instance).where(eq(instance.key, checkKey));
    if (!found) {
      await tx
        .insert(instance)
        .values({ key: checkKey, value: vault.seal(bindings.masterKeyCheck(), checkText) });
      return;
    }
    if (opens(vault, found.value)) return;
    const previous = keys.previous && createVault(keys.previous);
    if (!previous || !opens(previous, found.value)) throw wrongKey(previous !== null);
    const count = await rotate(tx, previous, vault);
    await tx
      .update(instance)
      .set({ value: vault.take(previous, bindings.masterKeyCheck(), found.value) })
      .where(eq(instance.key, checkKey));
    log.info(
      { values: count },
      "took all secrets over to the new master key; the previous one is not needed any more",
    );
  });
  return vault;
}

function opens(vault: Vault, sealed: string): boolean {
  try {
    return vault.open(bindings.masterKeyCheck(), sealed) === checkText;
  } catch {
    return false;
  }
}

const wrongKey = (hasPrevious: boolean) =>
  new GalleyError(
    "master_key_invalid",
    hasPrevious
      ? "Neither GALLEY_MASTER_KEY nor GALLEY_MASTER_KEY_PREVIOUS is the key that this database was made with."
      : "GALLEY_MASTER_KEY is not the key that this database was made with.",
    { hint: "Set the key that was used before; to change it, give that one as GALLEY_MASTER_KEY_PREVIOUS." },
  );

/** Every column that holds sealed values has its lines here. */
async function rotate(tx: Database, from: Vault, to: Vault): Promise<number> {
  let count = 0;
  for (const { id, sealed } of await tx
    .select({ id: projects.id, sealed: projects.credentialSealed })
    .from(projects)
    .where(isNotNull(projects.credentialSealed))) {
    if (sealed === null) continue;
    const taken = to.take(from, bindings.credential(id), sealed);
    await tx.update(projects).set({ credentialSealed: taken }).where(eq(projects.id, id));
    count++;
  }
  for (const { projectId, key, sealed } of await tx.select().from(projectSecrets)) {
    await tx
      .update(projectSecrets)
      .set({ sealed: to.take(from, bindings.secret(projectId, key), sealed) })
      .where(and(eq(projectSecrets.projectId, projectId), eq(projectSecrets.key, key)));
    count++;
  }
  for (const { projectId, host, sealed } of await tx.select().from(projectRegistries)) {
    await tx
      .update(projectRegistries)
      .set({ sealed: to.take(from, bindings.registry(projectId, host), sealed) })
      .where(and(eq(projectRegistries.projectId, projectId), eq(projectRegistries.host, host)));
    count++;
  }
  return count;
}
