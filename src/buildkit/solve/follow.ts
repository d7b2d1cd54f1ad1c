import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import { statusFromWire } from "../control/convert.js";
import type { SolveStatus } from "../progress/types.js";
import { serverStream } from "../transport/rpc.js";
import { failureSwitch, settledWithin } from "./pending.js";

/** The Status messages of a running solve, being read. */
export interface Following {
  /** Resolves when the daemon has sent the last message, or the stream broke; true when it ended as it should. Never rejects. */
  readonly ended: Promise<boolean>;
  /**
   * Waits for the end, but not for a daemon that sends nothing for `idleMs`. A listener may take its time over each message, until
   * `signal` is aborted.
   */
  settle(idleMs: number, signal?: AbortSignal): Promise<void>;
  /** The listener has not done with a message: there may be others behind it. */
  held(): boolean;
  /** What a listener threw, as soon as it did. Never resolves otherwise. */
  readonly listenerFailed: Promise<never>;
  /** Stops reading. */
  stop(): void;
}

/**
 * Reads Status of a ref and hands on every message; the next one when the listener has done with it, if `paced`. A broken stream does not end
 * the build: progress is not the result. A stream that breaks before its first message is asked for again, since the daemon may not know the ref yet.
 */
export function followStatus(
  client: Client,
  ref: string,
  listen: (status: SolveStatus) => unknown,
  paced: boolean,
): Following {
  const stopped = new AbortController();
  const { failed, fail } = failureSwitch();
  let told = 0;
  let busy = false;
  const tell = async (status: SolveStatus) => {
    told++;
    const listened = listen(status);
    if (!paced) {
      Promise.resolve(listened).catch(fail);
      return;
    }
    busy = true;
    try {
      await listened;
    } finally {
      busy = false;
    }
  };
  const ended = read(client, ref, tell, stopped.signal, fail);
  return {
    ended,
    listenerFailed: failed,
    held: () => busy,
    async settle(idleMs, signal) {
      for (let before = -1; before !== told || busy; ) {
        before = told;
        if ((await settledWithin(ended, idleMs)) || signal?.aborted) return;
      }
    },
    stop: () => stopped.abort(),
  };
}

const attempts = 3;

async function read(
  client: Client,
  ref: string,
  listen: (status: SolveStatus) => unknown,
  signal: AbortSignal,
  listenerFailed: (error: unknown) => void,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    let any = false;
    try {
      for await (const message of serverStream(client, Control.methods.Status, { ref }, { signal })) {
        any = true;
        const status = statusFromWire(message);
        try {
          await listen(status);
        } catch (error) {
          listenerFailed(error);
          return false;
        }
      }
      return true;
    } catch {
      // The daemon waits 3 s for a ref it does not know, so three attempts span the slowest start of a solve.
      if (any || signal.aborted || attempt === attempts) return false;
    }
  }
}
