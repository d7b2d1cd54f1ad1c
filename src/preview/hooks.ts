import { randomBytes } from "node:crypto";
import {
  type Docker,
  ensureVolume,
  findVolumes,
  inspectContainer,
  putFiles,
  removeContainer,
  startContainer,
} from "../docker/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import type { Hook, Manifest } from "../manifest/index.js";
import { hookContainerOf, type Plan } from "./container.js";
import type { Decision } from "./decide.js";
import { endedError, endOf, failure, startFailure } from "./failure.js";
import { followLines } from "./follow-lines.js";
import { environmentLabels, labelKeys, networkName, type Owner, ownerLabels } from "./labels.js";
import type { LogLine } from "./lines.js";
import { LOG_LINES } from "./wait.js";

export type HookKind = "onCreate" | "onDeploy";

/** What a hook does, as it happens. */
export type HookEvent = {
  readonly hook: HookKind;
  readonly service: string;
  readonly command: readonly string[];
} & (
  | { readonly type: "started" }
  | { readonly type: "log"; readonly lines: readonly LogLine[] }
  /** Milliseconds; null where it did not end by itself. */
  | { readonly type: "finished"; readonly exitCode: number | null; readonly duration: number }
);

/** Runs hooks; made once per deployment. */
export interface Hooks {
  /** Runs what a service has, first those for a new environment, one after the other. Throws `container_failed` at the first that fails. */
  run(plan: Plan, decision: Decision, signal: AbortSignal): Promise<void>;
}

export interface HooksOptions {
  readonly docker: Docker;
  readonly owner: Owner;
  readonly manifest: Pick<Manifest, "onCreate" | "onDeploy">;
  readonly deployment: string;
  readonly onHook?: ((event: HookEvent) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Looks up which services of the environment have had their first hooks. */
export async function openHooks(options: HooksOptions): Promise<Hooks> {
  const { docker, owner, manifest } = options;
  const { onCreate = [], onDeploy = [] } = manifest;
  const created = new Set<string>();
  if (onCreate.length > 0)
    for (const { labels } of await findVolumes(docker, environmentLabels(owner), options.signal))
      if (labels[labelKeys.role] === "created") created.add(labels[labelKeys.service] ?? "");
  return {
    async run(plan, decision, signal) {
      const { name } = plan.service;
      const first = created.has(name) ? [] : onCreate.filter(({ service }) => service === name);
      for (const hook of first) await runHook("onCreate", hook, plan, decision, options, signal);
      if (first.length > 0) await rememberCreated(docker, owner, name, signal);
      for (const hook of onDeploy.filter(({ service }) => service === name))
        await runHook("onDeploy", hook, plan, decision, options, signal);
    },
  };
}

/** An empty volume: it goes with the environment's data, and with nothing else. */
async function rememberCreated(
  docker: Docker,
  owner: Owner,
  service: string,
  signal: AbortSignal,
): Promise<void> {
  const labels = { ...ownerLabels(owner), [labelKeys.service]: service, [labelKeys.role]: "created" };
  await ensureVolume(docker, `${networkName(owner.environment)}-${service}.created`, labels, signal);
}

async function runHook(
  kind: HookKind,
  { command, timeoutSeconds }: Hook,
  plan: Plan,
  decision: Decision,
  { docker, owner, deployment, onHook }: HooksOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name: service } = plan.service;
  const about = { hook: kind, service, command };
  const what = `the hook ${kind} of service ${service} (${command.join(" ").slice(0, 120)})`;
  const limit = abortAfter(timeoutSeconds * 1000);
  const either = AbortSignal.any([signal, limit]);
  const began = Date.now();
  const name = `${networkName(owner.environment)}-${service}-hook-${randomBytes(4).toString("hex")}`;
  const spec = hookContainerOf(plan, { name, links: decision.links }, command, deployment);
  const last: string[] = [];
  let id: string | undefined;
  let exitCode: number | null = null;
  onHook?.({ ...about, type: "started" });
  try {
    id = await startContainer(docker, spec, either, (made) =>
      putFiles(docker, made, plan.files, either),
    ).catch((error: unknown) => {
      throw error instanceof GalleyError ? startFailure(what, error, command) : error;
    });
    for await (const lines of followLines(docker, id, { signal: either })) {
      last.push(...lines.map(({ text }) => text));
      last.splice(0, last.length - LOG_LINES);
      onHook?.({ ...about, type: "log", lines });
    }
    const state = await inspectContainer(docker, id, either);
    if (!state) throw new GalleyError("container_failed", `${what}: its container was removed while it ran`);
    exitCode = state.exitCode;
    if (exitCode !== 0 || state.outOfMemory) throw endedError(what, endOf(state, 0, false), last);
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) {
      throw failure(
        "container_failed",
        `${what} was not done in ${timeoutSeconds} s`,
        last,
        "Give it a longer timeout, or let it do less.",
      );
    }
    throw error;
  } finally {
    onHook?.({ ...about, type: "finished", exitCode, duration: Date.now() - began });
    if (id) await removeContainer(docker, id, abortAfter(30_000));
  }
}
