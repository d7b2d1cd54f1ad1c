import type { AgentDeps } from "../agents/index.js";
import { sendRevocations } from "../agents/index.js";
import { dispatchQueued } from "../queue/index.js";
import { type ActDeps, act } from "./act.js";
import { type InspectJobs, observeDatabase, observeJobs } from "./observe.js";
import { type JobsState, type ReconcileSettings, reconcile } from "./reconcile.js";
import { type RetentionSettings, removeOldEvents } from "./remove-old-events.js";

export interface ReconcilerDeps extends Omit<ActDeps, "settings" | "bus"> {
  readonly bus: AgentDeps["bus"];
  readonly publicUrl: URL;
  readonly inspectJobs: InspectJobs;
  readonly settings: ActDeps["settings"] & ReconcileSettings;
  /** Milliseconds between runs. */
  readonly everyMs: number;
  readonly retention: RetentionSettings & {
    /** Milliseconds between looks for events that are too old or too many. */
    readonly everyMs: number;
  };
}

export interface Reconciler {
  /** Runs soon, also when the time has not come. */
  poke(): void;
  /** One run, now; for tests. Rejects when the database is away. */
  run(): Promise<void>;
  /** Resolves when the run that goes on has ended; there is no other after it. */
  stop(): Promise<void>;
}

/** Looks at everything now and then, and brings what is to what should be. Begins to listen at once, and to act with the first run. */
export function startReconciler(deps: ReconcilerDeps): Reconciler {
  const since = deps.now();
  let timer: NodeJS.Timeout | undefined;
  let last: Promise<void> = Promise.resolve();
  let stopped = false;
  let nextRemoval = since;

  const removeOld = async () => {
    if (deps.now() < nextRemoval) return;
    const more = await removeOldEvents(deps, deps.retention);
    nextRemoval = more ? 0 : deps.now() + deps.retention.everyMs;
  };
  const run = (): Promise<void> => {
    const next = last.then(() => runOnce(deps, since)).then(removeOld);
    last = next.catch(() => {}); // the caller has it
    return next;
  };
  const later = (ms: number) => {
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      run()
        .catch((error: unknown) => deps.log.error({ err: error }, "the reconciler could not do its work"))
        .finally(() => later(deps.everyMs));
    }, ms);
  };
  later(deps.everyMs);
  return {
    poke: () => later(0),
    run,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await last;
    },
  };
}

async function runOnce(deps: ReconcilerDeps, since: number): Promise<void> {
  const { db, log, now, settings } = deps;
  await sendRevocations(deps);
  // The stream first: what is published after it was looked at is too young to be missed.
  const before = await observeDatabase(db, settings.idleMs);
  const jobs: JobsState | null = await observeJobs(deps.inspectJobs, before.agents).catch(
    (error: unknown) => {
      log.warn({ err: error }, "the bus cannot be asked about jobs");
      return null;
    },
  );
  const observed = await observeDatabase(db, settings.idleMs);
  const actions = reconcile({ ...observed, now: now(), since, jobs, settings });
  let freed = false;
  for (const action of actions) {
    try {
      freed = (await act(deps, action, observed)) || freed;
    } catch (error) {
      log.error({ err: error, action }, "the reconciler could not do what is needed; it tries again");
    }
  }
  if (freed) await dispatchQueued(deps);
}
