import { useEffect, useId, useRef, useState } from "react";
import type { CacheAnswer, CacheKind } from "../../cache-api/index.js";
import type { Agent } from "../api/answers.js";
import { type ApiError, asApiError, call } from "../api/client.js";
import { longCall } from "../api/long-call.js";
import { useAction } from "../api/use-action.js";
import { costOf, type Kept, type Mount, shortKey } from "../model/caches.js";
import { counted, formatBytes, formatDuration } from "../model/format.js";
import { Problem } from "../ui/problem.js";

interface PruneCacheProps {
  readonly agent: Agent;
  /** Null: of all repositories. */
  readonly repo: string | null;
  readonly onDone: () => Promise<void>;
  readonly onClose: () => void;
}

const day = 86_400;
/** Seconds; null: whenever they were used. */
const ages: readonly { readonly word: string; readonly older: number | null }[] = [
  { word: "a month", older: 30 * day },
  { word: "a week", older: 7 * day },
  { word: "a day", older: day },
  { word: "all of it", older: null },
];

const parts: readonly { readonly word: string; readonly kinds: readonly CacheKind[] }[] = [
  { word: "stored mounts and layers", kinds: ["mount", "layers"] },
  { word: "BuildKit's records of mounts", kinds: ["record"] },
  { word: "BuildKit's copies of contexts", kinds: ["context"] },
  { word: "images that nothing uses", kinds: ["image"] },
];

/** What is asked for. */
interface Wish {
  readonly repo: string | null;
  /** Seconds. */
  readonly older: number | null;
  readonly kinds: readonly CacheKind[];
}

interface Preview {
  /** Of which wish, as JSON. */
  readonly of: string;
  readonly removed?: CacheAnswer<"prune">["removed"];
  readonly mounts?: ReadonlyMap<string, Mount>;
  readonly error?: ApiError;
}

/** Rows of the preview that are shown. */
const mostShown = 50;
/** Repositories whose sizes are looked up for it. */
const mostLooked = 20;

/** Dropping what is stored: first what would go, what it is worth and what the next builds lose, then the question. */
export function PruneCache({ agent, repo, onDone, onClose }: PruneCacheProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [older, setOlder] = useState<number | null>(7 * day);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set([parts[0]?.word ?? ""]));
  const [preview, setPreview] = useState<Preview>();
  const [done, setDone] = useState<CacheAnswer<"prune">>();
  const path = `/agents/${agent.id}/cache`;
  const kinds = parts.flatMap((part) => (chosen.has(part.word) ? part.kinds : []));
  const wish = JSON.stringify({ repo, older, kinds } satisfies Wish);
  useEffect(() => dialog.current?.showModal(), []);

  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    lookAhead(path, JSON.parse(wish) as Wish, signal).then(
      (found) => setPreview({ of: wish, ...found }),
      (error: unknown) => {
        if (!signal.aborted) setPreview({ of: wish, error: asApiError(error) });
      },
    );
    return () => ended.abort();
  }, [path, wish]);

  const prune = useAction(async () => {
    setDone(
      await longCall<CacheAnswer<"prune">>("POST", `${path}/prune`, {
        body: JSON.parse(wish) as Wish,
        signal: AbortSignal.timeout(3600_000),
      }),
    );
    await onDone();
  });
  const current = preview?.of === wish ? preview : undefined;
  const removed = current?.removed ?? [];
  const going = removed.flatMap((one) => current?.mounts?.get(keyOf(one)) ?? []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={heading} className="pruning">
      <h2 id={heading}>
        Prune what {agent.name} keeps{repo === null ? "" : ` for ${shortKey(repo)}`}
      </h2>
      {done ? (
        <p role="status">
          Removed {counted(done.removed.length, "entry", "entries")}, which freed {formatBytes(done.freed)}.
        </p>
      ) : (
        <>
          <fieldset disabled={prune.busy}>
            <legend>What was not used for</legend>
            <div className="choices">
              {ages.map((age) => (
                <label key={age.word}>
                  <input
                    type="radio"
                    name={heading}
                    checked={older === age.older}
                    onChange={() => setOlder(age.older)}
                  />
                  {age.word}
                </label>
              ))}
            </div>
          </fieldset>
          <fieldset disabled={prune.busy}>
            <legend>Of these</legend>
            <div className="choices">
              {parts.map(({ word }) => (
                <label key={word}>
                  <input
                    type="checkbox"
                    checked={chosen.has(word)}
                    onChange={({ target }) => {
                      const next = new Set(chosen);
                      if (target.checked) next.add(word);
                      else next.delete(word);
                      setChosen(next);
                    }}
                  />
                  {word}
                </label>
              ))}
            </div>
          </fieldset>
          <div className="preview" aria-live="polite" aria-busy={current === undefined}>
            <Problem error={current?.error} />
            {current?.removed && <Summary count={removed.length} going={going} />}
            {removed.length > 0 && (
              <table>
                <caption className="unseen">What would go</caption>
                <tbody>
                  {removed.slice(0, mostShown).map((one) => {
                    const mount = current?.mounts?.get(keyOf(one));
                    return (
                      <tr key={keyOf(one)}>
                        <td className="path">
                          <code title={one.what}>{one.what}</code>
                          <small className="quiet">
                            {`${one.kind}, ${repo === null ? `${shortKey(one.repo)}, ` : ""}${one.scope}`}
                          </small>
                        </td>
                        <td className="number">{formatBytes(mount?.size ?? one.freed)}</td>
                      </tr>
                    );
                  })}
                </tbody>
              </table>
            )}
            {removed.length > mostShown && (
              <p className="quiet">and {counted(removed.length - mostShown, "other")}</p>
            )}
          </div>
          <Problem error={prune.error} />
        </>
      )}
      <footer>
        <button type="button" onClick={onClose}>
          {done ? "Close" : "Keep"}
        </button>
        {!done && (
          <button
            type="button"
            className="danger"
            disabled={prune.busy || removed.length === 0}
            onClick={() => prune.run()}
          >
            {prune.busy
              ? "Removing…"
              : removed.length === 0
                ? "Remove"
                : `Remove ${counted(removed.length, "entry", "entries")}`}
          </button>
        )}
      </footer>
    </dialog>
  );
}

function Summary({ count, going }: { count: number; going: readonly Mount[] }) {
  if (count === 0) return <p>Nothing is that old: nothing would go.</p>;
  const bytes = going.reduce((sum, { size }) => sum + size, 0);
  const cost = costOf(going);
  return (
    <p>
      {counted(count, "entry", "entries")}
      {going.length > 0 && `, ${formatBytes(bytes)} unpacked`}.
      {cost > 0 && ` The next builds take up to ${formatDuration(cost)} longer.`}
    </p>
  );
}

/** What would go, and of each mount what is known of it. */
async function lookAhead(
  path: string,
  wish: Wish,
  signal: AbortSignal,
): Promise<Required<Pick<Preview, "removed" | "mounts">>> {
  // Of no kind would be of all that is stored.
  if (wish.kinds.length === 0) return { removed: [], mounts: new Map() };
  const body = { ...wish, dryRun: true };
  const { removed } = await call<CacheAnswer<"prune">>("POST", `${path}/prune`, body, signal);
  const mounts = new Map<string, Mount>();
  for (const repo of [...new Set(removed.map((one) => one.repo))].slice(0, mostLooked)) {
    const kept = await call<Kept>(
      "GET",
      `${path}/repositories/${encodeURIComponent(repo)}`,
      undefined,
      signal,
    );
    for (const mount of kept.mounts)
      mounts.set(keyOf({ kind: "mount", repo, what: mount.id, scope: mount.scope, name: mount.name }), mount);
  }
  return { removed, mounts };
}

type Named = Pick<CacheAnswer<"prune">["removed"][number], "kind" | "repo" | "scope" | "what" | "name">;

/** A record of BuildKit's has the id of the mount that is stored of it. */
const keyOf = ({ kind, repo, what, scope, name }: Named) =>
  `${kind} ${repo} ${scope} ${kind === "mount" ? what : `${what} ${name}`}`;
