import { useEffect, useId, useRef, useState } from "react";
import type { CacheAnswer } from "../../cache-api/index.js";
import type { Agent } from "../api/answers.js";
import { longCall, type Progress } from "../api/long-call.js";
import { useAction } from "../api/use-action.js";
import { shareOf, shortKey } from "../model/caches.js";
import { counted } from "../model/format.js";
import { Problem } from "../ui/problem.js";

const read = ({ mounts, layers }: CacheAnswer<"verify">): string =>
  [
    counted(mounts, "stored mount"),
    ...(layers > 0 ? [`the layers of ${counted(layers, "service")}`] : []),
  ].join(" and ");

interface VerifyCacheProps {
  readonly agent: Agent;
  readonly onDone: () => Promise<void>;
  readonly onClose: () => void;
}

/** Reads all that an agent has stored, and says what was damaged. */
export function VerifyCache({ agent, onDone, onClose }: VerifyCacheProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [progress, setProgress] = useState<Progress>();
  const [found, setFound] = useState<CacheAnswer<"verify">>();
  const ended = useRef(new AbortController());
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    // In development effects run twice: each time with a controller of its own.
    ended.current = new AbortController();
    const { current } = ended;
    return () => current.abort();
  }, []);
  const verify = useAction(async () => {
    setFound(
      await longCall<CacheAnswer<"verify">>("POST", `/agents/${agent.id}/cache/verify`, {
        onProgress: setProgress,
        signal: ended.current.signal,
      }),
    );
    await onDone();
  });
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={heading}>
      <h2 id={heading}>Verify what {agent.name} has stored</h2>
      {found ? (
        <div role="status" className="prose">
          <p>
            {found.damaged.length === 0
              ? `${read(found)} read: all sound.`
              : `${read(found)} read. These were damaged and are removed; the next build stores them anew:`}
          </p>
          {found.damaged.length > 0 && (
            <ul>
              {found.damaged.map(({ repo, mount, scope }) => (
                <li key={`${repo} ${scope} ${mount}`}>
                  <code>{mount}</code>{" "}
                  <span className="quiet">
                    {shortKey(repo)}, {scope}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </div>
      ) : (
        <div className="prose">
          <p>
            All that is stored, mounts and layers, is read and compared with its digests, which takes the
            disk's time. What is damaged is removed; the next build stores it anew.
          </p>
          {verify.busy && progress?.total ? (
            <span className="meter">
              <i style={{ width: `${shareOf(progress.done, progress.total) * 100}%` }} />
            </span>
          ) : null}
        </div>
      )}
      <Problem error={verify.error} />
      <footer>
        <button type="button" onClick={onClose}>
          {found ? "Close" : "Leave it"}
        </button>
        {!found && (
          <button type="button" className="primary" disabled={verify.busy} onClick={() => verify.run()}>
            {verify.busy ? "Reading…" : "Read all of it"}
          </button>
        )}
      </footer>
    </dialog>
  );
}
