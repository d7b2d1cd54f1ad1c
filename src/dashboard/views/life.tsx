import type { Environment } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { formatAge } from "../model/format.js";
import { absolute } from "../ui/ago.js";
import { Problem } from "../ui/problem.js";

interface LifeProps {
  readonly environment: Environment;
  readonly now: number;
  readonly onChanged: () => Promise<void>;
}

/** How long the environment lives, and letting it live longer. */
export function Life({ environment: { id, pinned, expiresAt }, now, onChanged }: LifeProps) {
  const change = useAction(async (what: "pin" | "unpin" | "extend") => {
    await call("POST", `/environments/${id}/${what}`, what === "extend" ? {} : undefined);
    await onChanged();
  });
  return (
    <div className="line-two">
      <span className="quiet">
        {pinned ? (
          "Pinned: it does not expire."
        ) : expiresAt === null ? (
          "It does not expire."
        ) : (
          <time dateTime={expiresAt} title={absolute(expiresAt)}>
            Expires in {formatAge(Date.parse(expiresAt) - now)}.
          </time>
        )}
      </span>
      <button
        type="button"
        className="plain"
        disabled={change.busy}
        onClick={() => change.run(pinned ? "unpin" : "pin")}
      >
        {pinned ? "unpin" : "pin"}
      </button>
      {!pinned && expiresAt !== null && (
        <button type="button" className="plain" disabled={change.busy} onClick={() => change.run("extend")}>
          extend
        </button>
      )}
      <Problem error={change.error} />
    </div>
  );
}
