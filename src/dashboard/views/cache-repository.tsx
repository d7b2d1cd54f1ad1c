import { useState } from "react";
import type { Agent } from "../api/answers.js";
import { usePolled } from "../api/use-polled.js";
import { heldBeside, type Kept, percent, shortKey } from "../model/caches.js";
import { formatBytes } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { Copy } from "../ui/copy.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { useNow } from "../ui/use-now.js";
import { CacheBuildRow } from "./cache-build.js";
import { CacheHeld } from "./cache-held.js";
import { CacheMountRow } from "./cache-mount.js";
import { PruneCache } from "./prune-cache.js";

/** What an agent keeps for one repository: its cache mounts, and the builds that used them. */
export function CacheRepositoryPage({ name, repo }: { name: string; repo: string }) {
  const agents = usePolled<{ agents: Agent[] }>("/agents", 5000);
  const agent = agents.data?.agents.find((one) => one.name === name);
  const path = agent && `/agents/${agent.id}/cache`;
  const kept = usePolled<Kept>(path ? `${path}/repositories/${encodeURIComponent(repo)}` : null, 10_000);
  const [opened, setOpened] = useState<string>();
  const [pruning, setPruning] = useState(false);
  const now = useNow(10_000);
  if (!agents.data) return <Problem error={agents.error} />;
  const toggle = (key: string) => setOpened((before) => (before === key ? undefined : key));
  const { data } = kept;
  const mounts = [...(data?.mounts ?? [])].sort((a, b) => b.size - a.size);
  return (
    <>
      <header className="head">
        <div className="line-one">
          <h1 className="crumbs">
            <Link to={`/admin/caches/${encodeURIComponent(name)}`}>Caches of {name}</Link>
            <span>
              {shortKey(repo)} <Copy text={repo} what={`the key ${repo}`} />
            </span>
          </h1>
          <div className="actions">
            {data?.kept.some(({ kind }) => kind !== "mirror" && kind !== "registry") && (
              <button type="button" onClick={() => setPruning(true)}>
                Prune…
              </button>
            )}
          </div>
        </div>
        {data && (
          <ul className="line-two quiet facts">
            <li>{formatBytes(data.storedBytes)} in stored mounts</li>
            {data.layerBytes > 0 && <li>{formatBytes(data.layerBytes)} in stored layers</li>}
            {data.recordBytes > 0 && <li>{formatBytes(data.recordBytes)} in BuildKit</li>}
            {data.imageBytes > 0 && <li>{formatBytes(data.imageBytes)} images</li>}
            {data.mirrorBytes > 0 && <li>{formatBytes(data.mirrorBytes)} mirror</li>}
            {data.hitRate !== null && <li>{percent(data.hitRate)} of steps cached</li>}
            {data.lastUsedAt !== null && (
              <li>
                used <Ago at={data.lastUsedAt} now={now} />
              </li>
            )}
          </ul>
        )}
      </header>
      {!agent && <p className="quiet">There is no agent of this name.</p>}
      <Problem error={kept.error} />
      {data && path && (
        <>
          <section aria-labelledby="mounts">
            <h2 id="mounts">Cache mounts</h2>
            {data.mounts.length === 0 ? (
              <p className="quiet">
                None is stored. After a build, what its steps leave in <code>RUN --mount=type=cache</code> is.
              </p>
            ) : (
              <div className="table mounts">
                <div className="row heads" aria-hidden="true">
                  <span>mount</span>
                  <span>for</span>
                  <span className="number">size</span>
                  <span className="number">files</span>
                  <span className="number">cost to lose</span>
                  <span className="number">used</span>
                </div>
                {mounts.map((mount) => (
                  <CacheMountRow
                    key={mount.name}
                    path={`${path}/repositories/${encodeURIComponent(repo)}/entry`}
                    mount={mount}
                    now={now}
                    open={opened === `mount ${mount.name}`}
                    onToggle={() => toggle(`mount ${mount.name}`)}
                  />
                ))}
              </div>
            )}
          </section>
          <CacheHeld
            held={heldBeside(data.kept)}
            path={`${path}/repositories/${encodeURIComponent(repo)}/entry`}
            now={now}
            opened={opened}
            onToggle={toggle}
          />
          <section aria-labelledby="builds">
            <h2 id="builds">Builds</h2>
            {data.builds.length === 0 ? (
              <p className="quiet">None is remembered. The last 200 are, from the next deployment on.</p>
            ) : (
              <div className="table builds">
                <div className="row heads" aria-hidden="true">
                  <span>service</span>
                  <span>deployment</span>
                  <span>for</span>
                  <span>steps from the cache</span>
                  <span className="number">took</span>
                  <span className="number">began</span>
                </div>
                {data.builds.map((build) => (
                  <CacheBuildRow
                    key={build.id}
                    path={`${path}/builds/${encodeURIComponent(build.id)}`}
                    build={build}
                    now={now}
                    open={opened === `build ${build.id}`}
                    onToggle={() => toggle(`build ${build.id}`)}
                  />
                ))}
              </div>
            )}
          </section>
        </>
      )}
      {pruning && agent && (
        <PruneCache agent={agent} repo={repo} onDone={kept.refresh} onClose={() => setPruning(false)} />
      )}
    </>
  );
}
