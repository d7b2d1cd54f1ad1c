import { engineError } from "./api-error.js";
import type { Docker } from "./connect.js";
import { jsonLines } from "./transfer.js";
import { within } from "./within.js";

export interface ContainerEvent {
  readonly id: string;
  /** `start`, `die`; of `health_status: healthy` only the first word. */
  readonly action: string;
  /** The words after it: `healthy`. */
  readonly detail: string;
  /** The container's labels, and what the action has to say: `exitCode`, `signal`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Seconds that are told again: the engine answers a moment before it listens. */
const REPLAYED_S = 60;

/**
 * What happens to containers from now on; some of what happened just before may come, too. Resolves when the engine listens, so
 * that who then lists the containers misses nothing. The iteration ends when the connection does.
 *
 * @param actions `start`, `die`, `health_status`
 * @param label only of containers that have it, `key` or `key=value`
 * @param since milliseconds since 1970 from which on they are told again, as far as the engine remembers. Default: a minute ago
 * @throws engine_unreachable, engine_error, or the signal's reason
 */
export async function openContainerEvents(
  docker: Docker,
  options: {
    readonly actions: readonly string[];
    readonly label: string;
    readonly since?: number | undefined;
    readonly signal: AbortSignal;
  },
): Promise<AsyncIterable<ContainerEvent>> {
  const { actions, label, signal } = options;
  const filters = { type: ["container"], event: [...actions], label: [label] };
  const since = Math.floor((options.since ?? Date.now() - REPLAYED_S * 1000) / 1000);
  try {
    // The deadline is that of the answer: the stream itself goes on.
    const stream = await within(signal, () =>
      docker.getEvents({ filters: JSON.stringify(filters), since, abortSignal: signal } as object),
    );
    return eventsOf(stream, signal);
  } catch (error) {
    throw engineError("the events of containers could not be followed", error, signal);
  }
}

async function* eventsOf(stream: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<ContainerEvent> {
  const stop = () => (stream as unknown as { destroy(error: unknown): void }).destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const message of jsonLines(stream)) {
      const actor = message.Actor as { ID?: unknown; Attributes?: Record<string, string> } | undefined;
      const [action, detail = ""] = typeof message.Action === "string" ? message.Action.split(/: */) : [];
      if (typeof actor?.ID !== "string" || !action) continue;
      const { timeNano, time } = message;
      const at = typeof timeNano === "number" ? timeNano / 1e6 : Number(time ?? 0) * 1000;
      yield { id: actor.ID, action, detail, attributes: actor.Attributes ?? {}, at };
    }
  } catch (error) {
    throw engineError("the events of containers could not be followed", error, signal);
  } finally {
    signal.removeEventListener("abort", stop);
    (stream as unknown as { destroy(): void }).destroy();
  }
}
