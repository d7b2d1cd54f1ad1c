import { GalleyError } from "../errors/index.js";

/** What the caller typed cannot be carried out: exit code 2, nothing was started. */
export function usageError(message: string, hint?: string): GalleyError {
  return new GalleyError("usage", message, { hint });
}
