import type { DeploymentKind } from "../deployments/states.js";

export interface Candidate {
  readonly id: string;
  readonly revoked: boolean;
  readonly online: boolean;
  /** Finishes what it has and takes no more. */
  readonly draining: boolean;
  /** Deployments that it runs at once. */
  readonly slots: number;
  /** Deployments that it runs or that were sent to it. */
  readonly used: number;
  /** Milliseconds since 1970; null when it never was. */
  readonly seenAt: number | null;
}

export type Choice =
  | { readonly agent: string }
  /** Nobody can take it now; asked again when that changes. */
  | { readonly wait: "no_agent" | "all_busy" | "holder_busy" | "holder_offline" }
  /** The agent that held the environment will not come back, and no other can take down what is there. */
  | { readonly gone: true };

export interface ChooseInput {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly kind: DeploymentKind;
  /** The agent that has the environment's containers; null: none has. */
  readonly holder: string | null;
  readonly agents: readonly Candidate[];
  /** Milliseconds after which an environment is moved away from a holder that is not heard of. */
  readonly goneMs: number;
}

/**
 * Who builds and runs it. An environment stays with the agent that holds its containers, as caches and volumes lie there; a new
 * one goes where most slots are free. Pure, and the same answer for the same question.
 */
export function chooseAgent({ now, kind, holder, agents, goneMs }: ChooseInput): Choice {
  const held = holder === null ? undefined : agents.find(({ id }) => id === holder);
  if (holder !== null && (held === undefined || held.revoked)) {
    if (kind === "terminate") return { gone: true };
  } else if (held !== undefined) {
    if (held.online) return takes(held) ? { agent: held.id } : { wait: "holder_busy" };
    // Only the holder can take down what it holds; it is told to by `sync` when it is back.
    if (kind === "terminate" || now - (held.seenAt ?? now) < goneMs) return { wait: "holder_offline" };
  }
  const there = agents.filter(({ online, revoked, draining }) => online && !revoked && !draining);
  if (there.length === 0) return { wait: "no_agent" };
  const [best] = there
    .filter(takes)
    .sort((a, b) => free(b) - free(a) || a.used - b.used || (a.id < b.id ? -1 : 1));
  return best === undefined ? { wait: "all_busy" } : { agent: best.id };
}

const free = ({ slots, used }: Candidate) => slots - used;
const takes = (agent: Candidate) => !agent.draining && free(agent) > 0;
