import { type BusConnection, consumeEvents, type IncomingBatch } from "../../bus/index.js";
import type { Notices } from "../deployments/index.js";
import type { Metrics } from "../metrics/index.js";
import type { QueueDeps } from "../queue/index.js";
import { withPlainFailures } from "./plain-failure.js";
import { type WriteDeps, writeBatches } from "./write-batches.js";

export interface ListenDeps extends WriteDeps {
  readonly connection: BusConnection;
  readonly log: QueueDeps["log"];
  readonly metrics: Metrics;
  readonly notices: Notices;
  /** A deployment has come to an end: a slot is free. */
  readonly ended: () => Promise<void>;
}

/**
 * Takes in what agents send, from where it was left: what came while no server was there waits in the streams. Batches that come
 * together are stored together.
 */
export async function listenForEvents(deps: ListenDeps): Promise<{ close(): Promise<void> }> {
  const { connection, log, metrics, notices } = deps;
  const take = async (batches: readonly IncomingBatch[]): Promise<void> => {
    const { stored, repeated, dropped, changed, ended } = await writeBatches(deps, batches);
    metrics.eventsStored(stored);
    metrics.eventsRepeated(repeated);
    for (const reason of dropped) metrics.eventDropped(reason);
    const newest = batches.at(-1)?.events.at(-1);
    if (newest !== undefined) metrics.ingestLag(Math.max(0, deps.now() - Date.parse(newest.at)));
    for (const deployment of changed) notices.changed(deployment);
    if (dropped.length > 0) log.debug({ dropped: dropped.length }, "events were not stored");
    if (!ended) return;
    // What is stored is stored: a failure here is the reconciler's, and no reason to take the events in again.
    await deps
      .ended()
      .catch((error: unknown) => log.error({ err: error }, "a free slot was not given away yet"));
  };
  const consumer = await consumeEvents({
    connection,
    log,
    handler: (batches) => withPlainFailures(log, () => take(batches)),
  });
  metrics.watchConsumer(() => consumer.stats);
  return consumer;
}
