import type { CacheAnswer } from "../../cache-api/index.js";
import { useAsked } from "../api/use-asked.js";
import { type Held, heldName, shareOf } from "../model/caches.js";
import { counted, formatBytes, formatDuration } from "../model/format.js";
import { Ago, absolute } from "../ui/ago.js";
import { Copy } from "../ui/copy.js";
import { Problem } from "../ui/problem.js";
import { CacheUsers } from "./cache-users.js";

interface CacheHeldProps {
  readonly held: readonly Held[];
  /** Where the API tells what is in something. */
  readonly path: string;
  readonly now: number;
  /** Of the row that is open. */
  readonly opened: string | undefined;
  readonly onToggle: (key: string) => void;
}

/** What is kept beside stored cache mounts, by kind: layers, records of BuildKit, contexts, images for the next build, the mirror. */
export function CacheHeld({ held, path, now, opened, onToggle }: CacheHeldProps) {
  return (
    <section aria-labelledby="held">
      <h2 id="held">Also kept</h2>
      {held.length === 0 ? (
        <p className="quiet">
          Nothing. Layers, BuildKit's records of cache mounts and contexts, and images for the next build are
          here after a deployment.
        </p>
      ) : (
        <div className="table held">
          <div className="row heads" aria-hidden="true">
            <span>kind</span>
            <span>what</span>
            <span>for</span>
            <span className="number">size</span>
            <span className="number">cost to lose</span>
            <span className="number">used</span>
          </div>
          {held.map((one) => {
            const key = `${one.kind} ${one.scope} ${one.name}`;
            return (
              <HeldRow
                key={key}
                held={one}
                path={path}
                now={now}
                open={opened === key}
                onToggle={() => onToggle(key)}
              />
            );
          })}
        </div>
      )}
    </section>
  );
}

interface HeldRowProps extends Pick<CacheHeldProps, "path" | "now"> {
  readonly held: Held;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function HeldRow({ held, path, now, open, onToggle }: HeldRowProps) {
  const { kind, name, scope, size, cost, inUse, lastUsedAt } = held;
  return (
    <>
      <div className="row">
        <span className="kind">{kind}</span>
        <button
          type="button"
          className="plain opener"
          data-row=""
          aria-expanded={open}
          title={name}
          onClick={onToggle}
        >
          <i className={open ? "fold open" : "fold"} aria-hidden="true" />
          <code>{heldName(held)}</code>
        </button>
        <span className="quiet scope">
          {scope}
          {inUse && ", in use"}
        </span>
        <span className="number">{kind === "registry" ? "" : formatBytes(size)}</span>
        <span className="number wide">
          {kind === "context" ? "sent again" : cost === null ? "" : formatDuration(cost)}
        </span>
        <span className="age">
          <Ago at={lastUsedAt} now={now} />
        </span>
      </div>
      {open && <Inside held={held} path={path} />}
    </>
  );
}

/** Layers that are shown. */
const most = 12;

function Inside({ held: { kind, name, createdAt, usedBy }, path }: { held: Held; path: string }) {
  // Of the other kinds there is no more to tell than the list has.
  const { data, error } = useAsked<CacheAnswer<"inspect">>(
    kind === "layers" ? `${path}?${new URLSearchParams({ entry: name })}` : null,
  );
  const layers = data?.layers ?? [];
  const whole = layers[0]?.size ?? 0;
  return (
    <div className="opened">
      <Problem error={error} />
      <p className="quiet">
        {createdAt === null ? "" : `Made ${absolute(createdAt)}. `}
        Its name is <code>{name}</code> <Copy text={name} what={`the name ${name}`} />
      </p>
      {layers.length > 0 && (
        <table>
          <caption className="unseen">Largest layers</caption>
          <tbody>
            {layers.slice(0, most).map(({ digest, size }) => (
              <tr key={digest}>
                <td className="number">{formatBytes(size)}</td>
                <td>
                  <span className="meter">
                    <i style={{ width: `${shareOf(size, whole) * 100}%` }} />
                  </span>
                </td>
                <td className="path">
                  <code>{digest}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {layers.length > most && (
        <p className="quiet">
          and {counted(layers.length - most, "smaller one")}: <code>galley cache inspect</code>
        </p>
      )}
      <CacheUsers builds={usedBy} />
    </div>
  );
}
