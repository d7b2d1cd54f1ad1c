import { setTimeout as delay } from "node:timers/promises";
import { type Docker, findContainers, inspectContainer, openContainerEvents } from "../docker/index.js";
import type { IngressLog } from "./log.js";
import type { Opened } from "./opened.js";
import type { RoutedContainer } from "./table.js";

export interface WatchOptions {
  /** Ids of the agents whose containers count. Default: of any, and of none. */
  readonly agents?: readonly string[] | undefined;
  readonly log: IngressLog;
  readonly signal: AbortSignal;
  readonly opened: Opened;
  /** Called with all containers that may get requests, after the first look and after each change. */
  readonly onChange: (containers: readonly RoutedContainer[]) => void;
}

const label = "traefik.enable";
/** Whose a container is; every agent puts it on what it makes. */
const agentLabel = "sh.galley.agent";
/** Those that Traefik looks up for, too. */
const actions = ["start", "die", "health_status"];
/** Milliseconds until the engine is asked again after it was lost, doubled each time. */
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

/**
 * Follows the engine's containers until the signal. An engine that goes away is waited for, with what was known last; when it is back
 * everything is looked at anew. Resolves when the signal was given.
 */
export async function watchContainers(docker: Docker, options: WatchOptions): Promise<void> {
  const { agents, signal, log, opened, onChange } = options;
  let retry = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      // First the events and then the list: what happens in between is seen twice and not missed.
      const events = await openContainerEvents(docker, { actions, label, signal });
      const containers = new Map<string, RoutedContainer>();
      for (const { id, labels } of await findContainers(docker, { [label]: undefined }, signal))
        if (counts(labels)) await look(containers, id);
      onChange([...containers.values()]);
      retry = FIRST_RETRY_MS;
      // One look after the other: of two at a time the older could have the last word.
      let turn = Promise.resolve();
      const lookAgain = (id: string) => {
        turn = turn.then(async () => {
          await look(containers, id);
          onChange([...containers.values()]);
        });
        return turn;
      };
      const stop = opened.onOpened((id) => void lookAgain(id).catch(() => {}));
      try {
        for await (const { id, attributes } of events) if (counts(attributes)) await lookAgain(id);
      } finally {
        stop();
      }
      log.info({}, "The engine has closed its stream of events: opening another.");
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ error: String(error) }, "The engine's events cannot be followed: trying again.");
    }
    // Half of it is chance, so that not everybody comes back at once.
    await delay(retry * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    retry = Math.min(retry * 2, LAST_RETRY_MS);
  }

  function counts(labels: Readonly<Record<string, string>>): boolean {
    return agents === undefined || agents.includes(labels[agentLabel] ?? "");
  }

  /** An event only says that something happened: what is true now is asked, and a container's address with it. */
  async function look(containers: Map<string, RoutedContainer>, id: string): Promise<void> {
    const state = await inspectContainer(docker, id, signal);
    const { running = false, restarting = false, health = "healthy" } = state ?? {};
    const starting = running && !restarting && health === "starting";
    const ready = running && !restarting && (health === "healthy" || (starting && opened.has(id)));
    if (!starting) opened.forget(id);
    if (state && ready && counts(state.labels)) containers.set(id, state);
    else containers.delete(id);
  }
}
