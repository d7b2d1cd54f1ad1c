import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { GalleyError } from "../errors/index.js";
import type { Moved } from "../preview/index.js";

/** Milliseconds until an ingress that does not answer is asked again: it may just be started anew. */
const AGAIN_MS = 200;

/** Asks the local ingress at its socket (`galley ingress --socket`), which answers when requests have moved, until the signal. */
export function askIngress(socketPath: string): Moved {
  return async ({ to, from }, signal) => {
    const path = `/moved?to=${to.join(",")}&from=${from.join(",")}`;
    for (;;) {
      const status = await ask(socketPath, path, signal);
      signal.throwIfAborted();
      if (status === 204) return;
      if (status === 400 || status === 405)
        throw new GalleyError("internal", `the ingress does not understand the question (${status})`);
      await delay(AGAIN_MS, undefined, { signal });
    }
  };
}

/** Undefined: there was no answer. */
const ask = (socketPath: string, path: string, signal: AbortSignal) =>
  new Promise<number | undefined>((resolve) => {
    const asked = request({ socketPath, path, agent: false, signal });
    asked.on("response", (response) => {
      resolve(response.statusCode);
      response.resume();
    });
    asked.on("error", () => resolve(undefined));
    asked.on("close", () => resolve(undefined));
    asked.end();
  });
