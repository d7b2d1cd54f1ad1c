import type { PlainStep } from "./plain-step.js";
import type { Instant } from "./time.js";

// Plain output shows steps that run at the same time one after the other, in blocks long enough to be read. The rules and
// figures are those of BuildKit's progressui: a block lasts about five seconds, no step is unheard for ten.
const block = 5000;
const longestSilence = 10_000;
/** Characters after which a step that waits is heard at once, so that nothing piles up. */
const patience = 1024 * 1024;

/**
 * Which of the running steps is printed next. `current` is the one whose block is open, if it still runs; undefined keeps
 * that one.
 */
export function nextTurn(
  waiting: readonly PlainStep[],
  current: PlainStep | undefined,
  now: Instant,
): PlainStep | undefined {
  const others = waiting.filter((step) => step !== current);
  const busiest = others.reduce<PlainStep | undefined>(
    (best, step) => (best === undefined || speed(step, now) > speed(best, now) ? step : best),
    undefined,
  );
  if (current === undefined) return busiest;
  const urgent = others.find((step) => now - step.waitingSince > longestSilence || step.size > patience);
  if (urgent) return urgent;
  const all = speed(current, now) + others.reduce((sum, step) => sum + speed(step, now), 0);
  const share = all === 0 ? 0 : speed(current, now) / all;
  return now - current.waitingSince > block / Math.max(1e-9, 1 - share) ? busiest : undefined;
}

function speed(step: PlainStep, now: Instant): number {
  return step.updates / Math.max(1, now - step.waitingSince);
}
