import { type Held, heldName } from "../model/caches.js";
import { formatBytes, formatDuration } from "../model/format.js";
import { Ago } from "../ui/ago.js";

/** What is kept beside stored cache mounts, by kind: layers, records of BuildKit, images for the next build, the mirror. */
export function CacheHeld({ held, now }: { held: readonly Held[]; now: number }) {
  return (
    <section aria-labelledby="held">
      <h2 id="held">Also kept</h2>
      {held.length === 0 ? (
        <p className="quiet">
          Nothing. Layers, BuildKit's records of cache mounts and images for the next build are here after a
          deployment.
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
          {held.map((one) => (
            <div key={`${one.kind} ${one.scope} ${one.name}`} className="row">
              <span className="kind">{one.kind}</span>
              <span className="what" title={one.name}>
                <code>{heldName(one)}</code>
                {one.inUse && <small className="quiet">in use</small>}
              </span>
              <span className="quiet scope">{one.scope}</span>
              <span className="number">{one.kind === "registry" ? "" : formatBytes(one.size)}</span>
              <span className="number wide">{one.cost === null ? "" : formatDuration(one.cost)}</span>
              <span className="age">
                <Ago at={one.lastUsedAt} now={now} />
              </span>
            </div>
          ))}
        </div>
      )}
    </section>
  );
}
