import { useCallback, useState } from "react";
import { type ApiError, asApiError } from "./client.js";

export interface Action<Input extends unknown[]> {
  readonly run: (...input: Input) => Promise<void>;
  readonly busy: boolean;
  readonly error: ApiError | undefined;
  readonly clear: () => void;
}

/** Something that a person asks for: once at a time, with what went wrong. */
export function useAction<Input extends unknown[]>(
  work: (...input: Input) => Promise<unknown>,
): Action<Input> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const run = async (...input: Input) => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await work(...input);
    } catch (failed) {
      setError(asApiError(failed));
    } finally {
      setBusy(false);
    }
  };
  const clear = useCallback(() => setError(undefined), []);
  return { run, busy, error, clear };
}
