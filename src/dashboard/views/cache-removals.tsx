import { useState } from "react";
import type { CacheEvent } from "../../events/index.js";
import { usePolled } from "../api/use-polled.js";
import { readableWhy, shortKey } from "../model/caches.js";
import { formatBytes } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";

/** Shown at first; the server keeps many more. */
const few = 10;
const many = 200;

/** What an agent has removed by itself, the newest first: what it was, why it went, and what that freed. Also of one that is away. */
export function CacheRemovals({ agent, now }: { agent: { id: string; name: string }; now: number }) {
  const [all, setAll] = useState(false);
  const { data, error } = usePolled<{ events: CacheEvent[] }>(
    `/agents/${agent.id}/cache/events?limit=${all ? many : few + 1}`,
    10_000,
  );
  const events = data?.events ?? [];
  return (
    <section aria-labelledby="removed">
      <h2 id="removed">Removed by itself</h2>
      <Problem error={error} />
      {data && events.length === 0 && (
        <p className="quiet">
          Nothing yet. When all that is kept takes more than the budget, or the disk has no room for a job,
          what was used longest ago goes, and is listed here.
        </p>
      )}
      {events.length > 0 && (
        <div className="table removed">
          <div className="row heads" aria-hidden="true">
            <span>kind</span>
            <span>what</span>
            <span>repository</span>
            <span>why</span>
            <span className="number">freed</span>
            <span className="number">when</span>
          </div>
          {(all ? events : events.slice(0, few)).map(
            ({ id, kind, what, name, repo, scope, why, freed, at }) => (
              <div key={id} className="row">
                <span className="kind">{kind}</span>
                <span className="what" title={name}>
                  <code>{what === "" ? name : what}</code>
                  {scope !== "base" && <small className="quiet">{scope}</small>}
                </span>
                <span className="scope" title={repo}>
                  <Link to={`/admin/caches/${encodeURIComponent(agent.name)}/${encodeURIComponent(repo)}`}>
                    {shortKey(repo)}
                  </Link>
                </span>
                <span className="why quiet" title={why}>
                  {readableWhy(why)}
                </span>
                <span className="number">{formatBytes(freed)}</span>
                <span className="age">
                  <Ago at={at} now={now} />
                </span>
              </div>
            ),
          )}
        </div>
      )}
      {!all && events.length > few && (
        <p>
          <button type="button" className="plain" onClick={() => setAll(true)}>
            show more
          </button>
        </p>
      )}
    </section>
  );
}
