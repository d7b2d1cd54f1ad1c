import { setTimeout as delay } from "node:timers/promises";
import { askHost } from "./engine-docker.js";

export interface Load {
  /** Requests so far. */
  readonly sent: number;
  /** What was no 200, and what broke. */
  readonly lost: readonly string[];
  /** Resolves when somebody has been answered this. */
  answered(body: string): Promise<void>;
  /** Resolves when the last request has been answered. */
  stop(): Promise<void>;
}

/** Milliseconds between two requests of one asker: 40 a second of them all, and some that are answered slowly. */
const PACE_MS = 100;

/** Asks a host all the time, each request on a connection of its own: four askers for `/who`, four for `/slow`. */
export function constantLoad(port: number, host: string): Load {
  const lost: string[] = [];
  const waiting = new Map<string, () => void>();
  let sent = 0;
  let over = false;
  const ask = async (path: string) => {
    while (!over) {
      sent += 1;
      try {
        const { status, body } = await askHost(port, host, path);
        if (status !== 200) lost.push(`${path} ${status} ${body.slice(0, 200)}`);
        waiting.get(body)?.();
      } catch (error) {
        lost.push(`${path} ${String(error)}`);
      }
      await delay(PACE_MS);
    }
  };
  const asking = ["/who", "/who", "/who", "/who", "/slow", "/slow", "/slow", "/slow"].map(ask);
  return {
    get sent() {
      return sent;
    },
    lost,
    answered: (body) => new Promise((resolve) => waiting.set(body, resolve)),
    async stop() {
      over = true;
      await Promise.all(asking);
    },
  };
}
