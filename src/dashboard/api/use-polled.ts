import { useCallback, useEffect, useRef, useState } from "react";
import { type ApiError, asApiError, call } from "./client.js";

export interface Polled<T> {
  /** The last good answer; stays while the server is away. */
  readonly data: T | undefined;
  /** Why the last question was not answered. */
  readonly error: ApiError | undefined;
  /** Asks now; resolves when it is answered. */
  readonly refresh: () => Promise<void>;
}

/** Milliseconds; doubled while the server does not answer. */
const longestPause = 30_000;

/**
 * What a path of the API answers, kept current: asked again after `every` milliseconds, more slowly while the server is away, not at
 * all while nobody looks at the page, and at once when somebody does again.
 */
export function usePolled<T>(path: string | null, every = 2000): Polled<T> {
  const [state, setState] = useState<{ path: string | null; data?: T; error?: ApiError }>({ path });
  const ask = useRef<() => Promise<void>>(async () => {});

  useEffect(() => {
    if (path === null) return;
    const ended = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pause = every;
    let last = "";
    const plan = () => {
      clearTimeout(timer);
      if (!ended.signal.aborted && !document.hidden) timer = setTimeout(() => void look(), pause);
    };
    const look = async () => {
      clearTimeout(timer);
      try {
        const data = await call<T>("GET", path, undefined, ended.signal);
        pause = every;
        // An equal answer is no news: nothing is drawn again.
        const text = JSON.stringify(data);
        if (text !== last) setState({ path, data });
        else setState((before) => (before.error ? { path, data } : before));
        last = text;
      } catch (error) {
        if (ended.signal.aborted) return;
        pause = Math.min(pause * 2, longestPause);
        setState((before) => ({
          path,
          ...(before.path === path && before.data !== undefined ? { data: before.data } : {}),
          error: asApiError(error),
        }));
      }
      plan();
    };
    ask.current = look;
    const seen = () => {
      if (document.hidden) clearTimeout(timer);
      else void look();
    };
    document.addEventListener("visibilitychange", seen);
    void look();
    return () => {
      ended.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [path, every]);

  const refresh = useCallback(() => ask.current(), []);
  // What was answered for another path is not shown for this one.
  const current = state.path === path ? state : undefined;
  return { data: current?.data, error: current?.error, refresh };
}
