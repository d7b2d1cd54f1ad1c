import type { Tone } from "./table.js";

const tones: Readonly<Record<string, Tone>> = {
  running: "good",
  online: "good",
  pending: "busy",
  queued: "busy",
  claimed: "busy",
  preparing: "busy",
  building: "busy",
  starting: "busy",
  draining: "busy",
  failed: "bad",
  offline: "bad",
  out_of_memory: "bad",
  unhealthy: "bad",
  wake_failed: "bad",
};

/** How the state of a deployment, an environment or an agent looks on a terminal. */
export const toneOf = (state: string): Tone =>
  (Object.hasOwn(tones, state) ? tones[state] : undefined) ?? "quiet";
