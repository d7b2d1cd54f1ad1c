import { type Heartbeat, heartbeatMs } from "../bus/index.js";
import { pause } from "./pause.js";

export interface HeartbeatOptions {
  readonly beat: () => Promise<Heartbeat>;
  /** False when there is no connection: nothing is lost by that. */
  readonly send: (beat: Heartbeat) => boolean;
  readonly signal: AbortSignal;
}

/** Says that the agent is there, at once and then at the pace that the server counts on. */
export async function heartbeatLoop({ beat, send, signal }: HeartbeatOptions): Promise<void> {
  while (!signal.aborted) {
    send(await beat());
    await pause(heartbeatMs, signal);
  }
}
