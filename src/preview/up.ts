import { type Docker, putFiles, startContainer, stopContainer } from "../docker/index.js";
import { GalleyError, orAborted } from "../errors/index.js";
import { containerOf } from "./container.js";
import type { Decision } from "./decide.js";
import type { ServicePlan } from "./environment-plan.js";
import { startFailure } from "./failure.js";
import type { Hooks } from "./hooks.js";
import type { Owner } from "./labels.js";
import type { Probe } from "./probe.js";
import { sideBySide } from "./side-by-side.js";
import { STOP_SECONDS } from "./stop.js";
import { ensureVolumes } from "./volumes.js";
import { waitUntilUp } from "./wait.js";

/** What this deployment has done so far, to be undone. */
export interface Made {
  /** Name to id of the new containers, by service. */
  readonly containers: Map<string, string>;
  /** Ids of those that were stopped to make room. */
  readonly stopped: Set<string>;
}

export interface UpOptions {
  readonly owner: Owner;
  readonly deployment: string;
  readonly network: string;
  readonly number: number;
  readonly probe: Probe;
  readonly hooks: Hooks;
  readonly made: Made;
  readonly onState?: ((service: string, state: "starting" | "healthy" | "unchanged") => void) | undefined;
  readonly signal: AbortSignal;
}

/** Of these kinds a hook needs the service itself, for example to fill a database; others are what is to be started after it. */
const hooksAfter = new Set(["database", "cache", "queue"]);

/**
 * Brings up all services, each as soon as what it depends on has come as far as it asks. The first that fails stops the others.
 *
 * @returns id of the container by service
 */
export async function bringUp(
  docker: Docker,
  plans: readonly ServicePlan[],
  decisions: ReadonlyMap<string, Decision>,
  options: UpOptions,
): Promise<ReadonlyMap<string, string>> {
  const { network, probe, hooks, made, onState } = options;
  const containers = new Map<string, string>();
  const milestones = new Map(plans.map(({ plan }) => [plan.service.name, milestonesOf()]));
  await sideBySide(plans, options.signal, async (one, signal) => {
    const { service, check } = one.plan;
    const decision = decisions.get(service.name);
    const own = milestones.get(service.name);
    if (!decision || !own) return;
    for (const { service: needed, until } of check.needs) {
      const other = milestones.get(needed);
      // One that fails aborts the signal of the others, so that nobody waits for it.
      if (other) await orAborted(other[until === "started" ? "started" : "up"].promise, signal);
    }
    for (const other of beforeRouted(one, plans)) {
      const milestone = milestones.get(other);
      if (milestone) await orAborted(milestone.up.promise, signal);
    }
    const after = hooksAfter.has(service.kind);
    if (!after) await hooks.run(one.plan, decision, signal);
    const id = decision.stays?.id ?? (await replace(one, decision, signal));
    containers.set(service.name, id);
    own.started.resolve();
    const settled = decision.stays !== undefined;
    await waitUntilUp(docker, { id, service: service.name, check }, { network, probe, settled }, signal);
    onState?.(service.name, settled ? "unchanged" : "healthy");
    if (after) await hooks.run(one.plan, decision, signal);
    own.up.resolve();
  });
  return containers;

  async function replace(
    { plan, inPlace }: ServicePlan,
    decision: Decision,
    signal: AbortSignal,
  ): Promise<string> {
    const { name } = plan.service;
    onState?.(name, "starting");
    await ensureVolumes(docker, plan.owner, name, plan.volumes, options.number, signal);
    const spec = containerOf(plan, decision, options.deployment, options.number);
    try {
      return await startContainer(docker, spec, signal, async (created) => {
        made.containers.set(name, created);
        await putFiles(docker, created, plan.files, signal);
        // Only now that the new one is there: should this process be killed, it says what the old one was stopped for.
        if (inPlace) await makeRoom(decision.before, signal);
      });
    } catch (error) {
      const command = plan.service.entrypoint ?? plan.service.command;
      throw error instanceof GalleyError ? startFailure(`service ${name}`, error, command) : error;
    }
  }

  /** A database gets the time that it needs to write everything down; it is removed only when all is well. */
  async function makeRoom(before: Decision["before"], signal: AbortSignal): Promise<void> {
    for (const { id, running } of before) {
      if (!running) continue;
      made.stopped.add(id);
      await stopContainer(docker, id, signal, STOP_SECONDS.database);
    }
  }
}

/**
 * What a public service without a gate waits for beside its dependencies: it is asked as soon as its own health check succeeds, and should
 * be the last to do so. Not for what needs it, nor for others of its kind.
 */
export function beforeRouted({ plan }: ServicePlan, plans: readonly ServicePlan[]): readonly string[] {
  const { check, service } = plan;
  if (!check.routed || check.gated) return [];
  const later = new Set([service.name]);
  // Plans come after those that they depend on.
  for (const other of plans) {
    const needs = other.plan.check.needs.some((needed) => later.has(needed.service));
    if (needs || (other.plan.check.routed && !other.plan.check.gated)) later.add(other.plan.service.name);
  }
  return plans.map((other) => other.plan.service.name).filter((name) => !later.has(name));
}

interface Milestone {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function milestonesOf(): { readonly started: Milestone; readonly up: Milestone } {
  const one = (): Milestone => {
    let resolve = () => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    return { promise, resolve };
  };
  return { started: one(), up: one() };
}
