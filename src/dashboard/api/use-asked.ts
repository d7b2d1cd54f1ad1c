import { useCallback, useEffect, useState } from "react";
import { type ApiError, asApiError } from "./client.js";
import { longCall } from "./long-call.js";

export interface Asked<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  /** Asks once more; what was answered before stays until then. */
  readonly again: () => void;
}

/** What a path of the API answers, asked once, however long that takes; null: nothing is asked. */
export function useAsked<T>(path: string | null): Asked<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: ApiError }>({ path });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks again
  useEffect(() => {
    if (path === null) return;
    const ended = new AbortController();
    longCall<T>("GET", path, { signal: ended.signal }).then(
      (data) => setState({ path, data }),
      (error: unknown) => {
        if (!ended.signal.aborted) setState({ path, error: asApiError(error) });
      },
    );
    return () => ended.abort();
  }, [path, round]);
  const again = useCallback(() => setRound((count) => count + 1), []);
  const current = state.path === path ? state : undefined;
  return { data: current?.data, error: current?.error, again };
}
