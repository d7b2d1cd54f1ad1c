import { auditLog, type Database } from "../store/index.js";

/** Who acts. `name` is what people know the actor by: an address, a token's name. */
export interface Actor {
  readonly kind: "user" | "token" | "agent" | "system" | "anonymous";
  readonly id: string | null;
  readonly name: string;
  /** Network address, null for the server itself. */
  readonly address: string | null;
  readonly requestId: string | null;
}

/** `<what>.<verb>`, for example `project.create`. */
export type AuditAction = `${string}.${string}`;

/**
 * Adds an entry. `db`: the transaction that does what the entry tells. `target` is a name or an id, for example
 * `shop/DATABASE_URL` for a secret, and never a value.
 */
export async function recordAudit(
  db: Database,
  actor: Actor,
  action: AuditAction,
  target: string | null,
): Promise<void> {
  await db.insert(auditLog).values({
    actorKind: actor.kind,
    actorId: actor.id,
    actorName: actor.name,
    action,
    target,
    address: actor.address,
    requestId: actor.requestId,
  });
}
