import { eq, sql } from "drizzle-orm";
import type { IncomingBatch, IncomingEvent } from "../../bus/index.js";
import { lockDeployment } from "../deployments/index.js";
import { agents, type Database } from "../store/index.js";
import { applyEvents } from "./apply-events.js";
import { checkEvent, type DropReason, storableJson } from "./check-event.js";
import type { MaskValue } from "./mask.js";

export interface WriteDeps {
  readonly db: Database;
  readonly now: () => number;
  /** Masks what must not be stored of a project. Gets the transaction, as the embedded database has one connection. */
  readonly maskOf: (db: Database, project: string) => Promise<MaskValue>;
}

export interface WriteResult {
  /** Stored now; repeated ones are not among them. */
  readonly stored: number;
  readonly repeated: number;
  readonly dropped: readonly DropReason[];
  /** Deployments of which there is something new. */
  readonly changed: ReadonlySet<string>;
  readonly ended: boolean;
}

/** "inge". Ids of events are given out and become visible in the same order, so that who reads on from an id misses none. */
const ingestLock = sql`select pg_advisory_xact_lock(1768843109)`;

/** Writes messages in one transaction: all of them or none. Repeated ones change nothing. */
export async function writeBatches(deps: WriteDeps, batches: readonly IncomingBatch[]): Promise<WriteResult> {
  const changed = new Set<string>();
  const dropped: DropReason[] = [];
  let stored = 0;
  let repeated = 0;
  let ended = false;
  await deps.db.transaction(async (tx) => {
    await tx.execute(ingestLock);
    // Nobody else holds more than one environment, so that no two wait for each other.
    for (const [deployment, own] of grouped(batches)) {
      const result = await writeDeployment(tx, deps, deployment, own);
      stored += result.stored;
      repeated += result.repeated;
      dropped.push(...result.dropped);
      ended ||= result.ended;
      if (result.stored > 0) changed.add(deployment);
    }
  });
  return { stored, repeated, dropped, changed, ended };
}

function grouped(batches: readonly IncomingBatch[]): Map<string, IncomingBatch[]> {
  const groups = new Map<string, IncomingBatch[]>();
  for (const batch of batches) {
    const group = groups.get(batch.deployment);
    if (group) group.push(batch);
    else groups.set(batch.deployment, [batch]);
  }
  return groups;
}

interface Part {
  readonly stored: number;
  readonly repeated: number;
  readonly dropped: readonly DropReason[];
  readonly ended: boolean;
}

async function writeDeployment(
  tx: Database,
  deps: WriteDeps,
  id: string,
  batches: readonly IncomingBatch[],
): Promise<Part> {
  const dropped: DropReason[] = [];
  const nothing = { stored: 0, repeated: 0, ended: false };
  const told = batches.reduce((count, { events }) => count + events.length, 0);
  const found = await lockDeployment(tx, id);
  const holder = found?.deployment.agentId;
  const [agent] = holder ? await tx.select().from(agents).where(eq(agents.id, holder)) : [];
  const current = batches
    .filter((batch) => agent !== undefined && agent.revokedAt === null && batch.agent === agent.id)
    .flatMap(({ events }) => events)
    .filter(
      ({ attempt, project, environment }) =>
        attempt === found?.deployment.attempt &&
        project === found.deployment.projectId &&
        environment === found.deployment.environmentId,
    );
  dropped.push(...Array<DropReason>(told - current.length).fill("fenced"));
  if (!found || current.length === 0) return { ...nothing, dropped };

  const mask = await deps.maskOf(tx, found.deployment.projectId);
  const texts = new Map<number, string>();
  let repeated = 0;
  for (const event of current) {
    const wrong = checkEvent(event);
    const text = wrong === undefined ? storableJson(mask(event)) : null;
    if (text === null) dropped.push(wrong ?? "oversized");
    else if (texts.has(event.seq)) repeated += 1;
    else texts.set(event.seq, text);
  }
  const fresh = await insertEvents(tx, id, found.deployment.attempt, [...texts.values()]);
  repeated += texts.size - fresh.length;
  const moving = fresh
    .filter(({ type }) => type.startsWith("deployment."))
    .map(({ seq }) => JSON.parse(texts.get(seq) ?? "{}") as IncomingEvent);
  const { ended } = await applyEvents(tx, found.deployment, moving, new Date(deps.now()));
  return { stored: fresh.length, repeated, dropped, ended };
}

/** Resolves with those that were not there, in the order in which they were given. */
async function insertEvents(
  tx: Database,
  deployment: string,
  attempt: number,
  texts: readonly string[],
): Promise<{ seq: number; type: string }[]> {
  if (texts.length === 0) return [];
  const { rows } = await tx.execute<{ seq: number; type: string }>(sql`
    insert into events (deployment_id, attempt, seq, type, service, at, body)
    select ${deployment}, ${attempt}::int, (body ->> 'seq')::int, body ->> 'type', body ->> 'service',
      (body ->> 'at')::timestamptz, body
    from jsonb_array_elements(${`[${texts.join(",")}]`}::jsonb) with ordinality as given (body, place)
    order by place
    on conflict (deployment_id, attempt, seq) do nothing
    returning seq, type`);
  return rows;
}
