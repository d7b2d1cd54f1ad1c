import type { Spool } from "../bus/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import type { EventOutbox } from "./telling.js";

/** Characters of log lines after which the teller waits for the disk. */
const heldBackAfter = 2 * 1024 * 1024;
/** Milliseconds that the disk gets for that. */
const diskMs = 60_000;

/** The spool as an outbox: whoever tells much waits until that is on disk. */
export function spoolOutbox(spool: Spool): EventOutbox & { flush(signal: AbortSignal): Promise<void> } {
  let written = 0;
  return {
    put: (event) => {
      const { deployment } = event;
      if (deployment === null)
        throw new GalleyError("internal", "An event without a deployment has no reader.");
      spool.append({ ...event, deployment });
      if (event.type === "step.log") for (const { text } of event.lines) written += text.length + 64;
      if (written < heldBackAfter) return undefined;
      written = 0;
      return spool.flush(abortAfter(diskMs));
    },
    flush: (signal) => spool.flush(signal),
  };
}
