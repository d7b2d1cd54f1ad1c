import type { BuildEvent } from "../buildkit/index.js";
import { createEventEnvelope, type DeploymentEvent, type GalleyEvent } from "../events/index.js";

/** Anything that an agent tells of a deployment. */
export type TellableEvent = DeploymentEvent | BuildEvent;

/**
 * Tells of one attempt of a deployment, in order. What it returns resolves when more may be told: who makes many events waits for it,
 * so that a slow disk or bus holds back what comes from the engine and does not fill the memory. Never rejects.
 */
export type Tell = (event: TellableEvent, service?: string) => Promise<void> | undefined;

/** Where events wait until the bus has them: on disk, in order. */
export interface EventOutbox {
  /** Rejects with `spool_full` when nothing more can be kept. */
  put(event: GalleyEvent<TellableEvent>): Promise<void> | undefined;
}

export interface TellingOptions {
  readonly agent: string;
  readonly project: string;
  readonly environment: string;
  readonly deployment: string;
  readonly attempt: number;
  readonly outbox: EventOutbox;
  readonly mask: <T>(value: T) => T;
  readonly now: () => number;
  readonly newId: () => string;
  /** An event could not be kept: who reads would miss it, so the deployment must not go on. Called once. */
  readonly onLost: (error: unknown) => void;
}

/** Puts events into their envelope, numbered from 1, with every secret of the job masked. */
export function createTelling({ outbox, mask, onLost, ...envelopeOptions }: TellingOptions): Tell {
  const envelope = createEventEnvelope(envelopeOptions);
  let lost = false;
  const failed = (error: unknown) => {
    if (!lost) onLost(error);
    lost = true;
  };
  return (event, service) => {
    // After a gap nothing more may come: numbers would be missing, or given twice.
    if (lost) return undefined;
    try {
      return outbox.put(envelope(mask(event), service))?.catch(failed);
    } catch (error) {
      failed(error);
      return undefined;
    }
  };
}
