import type { ApiError } from "../api/client.js";
import { Told } from "./told.js";

/** What was refused, and what to do about it. Keeps no room while there is nothing to say. */
export function Problem({ error }: { error: ApiError | undefined | null }) {
  if (!error) return null;
  return (
    <div className="problem" role="alert">
      <strong>
        <Told text={error.message} />
      </strong>
      {error.hint && (
        <span>
          <Told text={error.hint} />
        </span>
      )}
    </div>
  );
}
