import type { AgentCredential } from "./credential.js";
import type { AgentLog } from "./log.js";
import { createAlarm } from "./pause.js";
import { backoff } from "./retry.js";

export interface RenewalOptions {
  readonly held: AgentCredential;
  readonly renew: (held: AgentCredential) => Promise<AgentCredential>;
  /** The bus is told to use it from now on. */
  readonly use: (credential: AgentCredential) => Promise<void>;
  /** The server refuses: the agent has to end. */
  readonly onRefused: (error: unknown) => void;
  readonly log: AgentLog;
  readonly now: () => number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export interface RenewalLoop {
  /** Renews now: the bus has refused what is held. */
  trigger(): void;
  readonly done: Promise<void>;
}

/** No other try will do better. */
const refusals = new Set([
  "agent_token_unknown",
  "agent_token_expired",
  "agent_token_rotated",
  "agent_revoked",
]);
/** Timers cannot wait longer than 24.8 days. */
const longestWaitMs = 24 * 3_600_000;

/** Renews the credential at half of its life, so that there are weeks to do it in, and never a gap. */
export function startRenewal(options: RenewalOptions): RenewalLoop {
  const { renew, use, onRefused, log, now, random, signal } = options;
  let { held } = options;
  let asked = false;
  const alarm = createAlarm(signal);
  const loop = async () => {
    let failures = 0;
    while (!signal.aborted) {
      const due = Date.parse(held.renewAfter) - now();
      if (due > 0 && !asked) {
        await alarm.wait(Math.min(longestWaitMs, due));
        continue;
      }
      asked = false;
      try {
        held = await renew(held);
        await use(held);
        failures = 0;
        log.info({ expiresAt: held.expiresAt }, "the credential was renewed");
        // A server that gives what is due at once must not be asked without end.
        await alarm.wait(1_000);
      } catch (error) {
        if (signal.aborted) return;
        if (refusals.has((error as { code?: string }).code ?? "")) return onRefused(error);
        failures += 1;
        const waitMs = backoff(failures, random, 5_000, 600_000);
        log.warn(
          { waitMs, expiresAt: held.expiresAt },
          `the credential could not be renewed: ${(error as Error).message}`,
        );
        await alarm.wait(waitMs);
        asked = true;
      }
    }
  };
  return {
    trigger: () => {
      asked = true;
      alarm.ring();
    },
    done: loop(),
  };
}
