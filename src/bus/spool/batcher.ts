import type { GalleyEvent } from "../../events/index.js";
import type { Batch } from "./record.js";

export type SpooledEvent = GalleyEvent<{ readonly type: string }> & { readonly deployment: string };

export interface ClosedBatch {
  readonly batch: Batch;
  /** What is sent: `eventBatch` of messages.ts. */
  readonly body: Buffer;
}

export interface BatcherOptions {
  /** Gets batches in the order in which their first events came, and an attempt's log lines before its end. */
  readonly onClosed: (closed: ClosedBatch) => void;
  /** The longest that an event waits for others. Default 25. */
  readonly lingerMs?: number;
}

export interface Batcher {
  /** `text` is the event as JSON. */
  add(kind: Batch["kind"], event: SpooledEvent, text: string): void;
  /** Closes what is open, of one deployment or of all. */
  close(deployment?: string): void;
  /** Characters that wait. */
  readonly waiting: number;
}

const mostEvents = 100;
const mostCharacters = 256 * 1024;

interface OpenBatch {
  readonly kind: Batch["kind"];
  readonly deployment: string;
  readonly attempt: number;
  readonly firstSeq: number;
  readonly texts: string[];
  characters: number;
  readonly finished: boolean;
}

/** Gathers events into messages: 100 events or 256 KiB each, or what came within `lingerMs`. */
export function createBatcher({ onClosed, lingerMs = 25 }: BatcherOptions): Batcher {
  const open = new Map<string, OpenBatch>();
  let waiting = 0;
  let timer: NodeJS.Timeout | undefined;

  const closeOne = (key: string, batch: OpenBatch) => {
    open.delete(key);
    waiting -= batch.characters;
    const { kind, deployment, attempt, firstSeq, texts, finished } = batch;
    onClosed({
      batch: { kind, deployment, attempt, firstSeq, count: texts.length, finished },
      body: Buffer.from(`{"v":1,"events":[${texts.join(",")}]}`),
    });
  };
  const close = (deployment?: string) => {
    for (const [key, batch] of [...open])
      if (deployment === undefined || batch.deployment === deployment) closeOne(key, batch);
    if (open.size > 0) return;
    clearTimeout(timer);
    timer = undefined;
  };

  return {
    get waiting() {
      return waiting;
    },
    close,
    add: (kind, event, text) => {
      const { deployment, attempt, seq } = event;
      const key = `${kind} ${deployment} ${attempt}`;
      const last = event.type === "deployment.finished";
      // The end goes alone: it waits for what comes before it, which need not wait for anything.
      if (last) close(deployment);
      let batch = open.get(key);
      if (batch && batch.characters + text.length > mostCharacters) {
        closeOne(key, batch);
        batch = undefined;
      }
      if (!batch) {
        batch = { kind, deployment, attempt, firstSeq: seq, texts: [], characters: 0, finished: last };
        open.set(key, batch);
      }
      batch.texts.push(text);
      batch.characters += text.length;
      waiting += text.length;
      if (last || batch.texts.length >= mostEvents) return closeOne(key, batch);
      timer ??= setTimeout(() => {
        timer = undefined;
        close();
      }, lingerMs);
    },
  };
}
