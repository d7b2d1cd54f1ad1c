import type { AgentLog } from "./log.js";

/** What has to be closed when an agent ends, or cannot start: the last opened first. */
export interface Closing {
  push(close: () => Promise<unknown> | unknown): void;
  /** Closes everything once, whatever of it fails. Never rejects. */
  all(): Promise<void>;
}

export function createClosing(log: AgentLog): Closing {
  const open: (() => Promise<unknown> | unknown)[] = [];
  return {
    push: (close) => void open.push(close),
    all: async () => {
      for (const close of open.splice(0).reverse()) {
        try {
          await close();
        } catch (error) {
          log.warn({ error: (error as Error).message }, "not everything could be closed in order");
        }
      }
    },
  };
}
