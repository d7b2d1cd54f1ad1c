import { engineError } from "./api-error.js";
import type { Docker } from "./connect.js";
import { jsonLines } from "./transfer.js";
import { within } from "./within.js";

export interface ContainerEvent {
  readonly id: string;
  /** `start`, `die`; of `health_status: healthy` only the first word. */
  readonly action: string;
}

/** Seconds that are told again: the engine answers a moment before it listens. */
const REPLAYED_S = 60;

/**
 * What happens to containers from now on; some of what happened just before may come, too. Resolves when the engine listens, so
 * that who then lists the containers misses nothing. The iteration ends when the connection does.
 *
 * @param actions `start`, `die`, `health_status`
 * @param label only of containers that have it
 * @throws engine_unreachable, engine_error, or the signal's reason
 */
export async function openContainerEvents(
  docker: Docker,
  options: { readonly actions: readonly string[]; readonly label: string; readonly signal: AbortSignal },
): Promise<AsyncIterable<ContainerEvent>> {
  const { actions, label, signal } = options;
  const filters = { type: ["container"], event: [...actions], label: [label] };
  const since = Math.floor(Date.now() / 1000) - REPLAYED_S;
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
      const id = (message.Actor as { ID?: unknown } | undefined)?.ID;
      const action = typeof message.Action === "string" ? message.Action.split(":")[0] : undefined;
      if (typeof id === "string" && action) yield { id, action };
    }
  } catch (error) {
    throw engineError("the events of containers could not be followed", error, signal);
  } finally {
    signal.removeEventListener("abort", stop);
    (stream as unknown as { destroy(): void }).destroy();
  }
}
