import { useState } from "react";
import type { CacheAnswer } from "../../cache-api/index.js";
import type { Agent } from "../api/answers.js";
import { useAsked } from "../api/use-asked.js";
import { usePolled } from "../api/use-polled.js";
import { percent, type Repository, shareOf, shortKey, storedOf } from "../model/caches.js";
import { counted, formatBytes } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { Paste } from "../ui/copy.js";
import { Empty } from "../ui/empty.js";
import { Mark } from "../ui/mark.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { useNow } from "../ui/use-now.js";
import { agentLook } from "./agent-row.js";
import { CacheRemovals } from "./cache-removals.js";
import { CacheUsage } from "./cache-usage.js";
import { PruneCache } from "./prune-cache.js";
import { VerifyCache } from "./verify-cache.js";

/** What the agents keep for repositories: of the one that is named, else of the first that is there. */
export function CachesPage({ name }: { name: string | undefined }) {
  const { data, error } = usePolled<{ agents: Agent[] }>("/agents", 5000);
  if (!data) return <Problem error={error} />;
  const { agents } = data;
  const agent =
    name === undefined
      ? (agents.find(({ online }) => online) ?? agents[0])
      : agents.find((one) => one.name === name);
  if (agents.length === 0)
    return (
      <>
        <h1>Caches</h1>
        <Empty title="No agent yet">
          <p>Caches are kept by agents, on their hosts.</p>
          <Link to="/admin/agents" className="button primary">
            Make an agent
          </Link>
        </Empty>
      </>
    );
  return (
    <>
      {agents.length > 1 && (
        <nav className="tabs" aria-label="Agents">
          {agents.map((one) => (
            <Link
              key={one.id}
              to={`/admin/caches/${encodeURIComponent(one.name)}`}
              className={one === agent ? "chosen" : ""}
            >
              <Mark look={agentLook(one)} />
              {one.name}
            </Link>
          ))}
        </nav>
      )}
      {agent ? (
        <AgentCaches key={agent.id} agent={agent} />
      ) : (
        <p className="quiet">There is no agent of this name.</p>
      )}
    </>
  );
}

function AgentCaches({ agent }: { agent: Agent }) {
  const path = `/agents/${agent.id}/cache`;
  const { data, error, refresh } = usePolled<CacheAnswer<"ls">>(`${path}/repositories`, 10_000);
  const usage = useAsked<CacheAnswer<"du">>(agent.online ? `${path}/usage` : null);
  const [asking, setAsking] = useState<"prune" | "verify">();
  const now = useNow(10_000);
  const repositories = [...(data ?? [])].sort((a, b) => storedOf(b) - storedOf(a));
  const whole = repositories.reduce((sum, one) => sum + storedOf(one), 0);
  return (
    <>
      <div className="title">
        <h1>Caches of {agent.name}</h1>
        {repositories.length > 0 && (
          <div className="actions">
            {whole > 0 && (
              <button type="button" onClick={() => setAsking("verify")}>
                Verify…
              </button>
            )}
            <button type="button" onClick={() => setAsking("prune")}>
              Prune…
            </button>
          </div>
        )}
      </div>
      <Problem error={error} />
      {data && (
        <>
          <CacheUsage
            stored={repositories.map((one) => ({ name: shortKey(one.repoKey), bytes: storedOf(one) }))}
            usage={usage.data}
            disk={agent.disk}
          />
          {!error && <Problem error={usage.error} />}
          {repositories.length === 0 ? (
            <Empty title="Nothing is kept yet">
              <p>
                After a build, what its steps leave in cache mounts is stored for its repository, and filled
                in again where BuildKit has lost it. A step gets one like this:
              </p>
              <Paste text="RUN --mount=type=cache,target=/root/.npm npm ci" what="the line" />
            </Empty>
          ) : (
            <div className="table repositories">
              <div className="row heads" aria-hidden="true">
                <span>repository</span>
                <span className="number">stored</span>
                <span />
                <span className="number widest">mounts</span>
                <span className="number widest">layers</span>
                <span className="number widest">BuildKit</span>
                <span className="number widest">images</span>
                <span className="number widest">mirror</span>
                <span className="number wide">cached steps</span>
                <span className="number widest">builds</span>
                <span className="number">used</span>
              </div>
              {repositories.map((one) => (
                <RepositoryRow
                  key={one.repoKey}
                  agent={agent.name}
                  repository={one}
                  whole={whole}
                  now={now}
                />
              ))}
            </div>
          )}
        </>
      )}
      <CacheRemovals agent={agent} now={now} />
      {asking === "verify" && (
        <VerifyCache agent={agent} onDone={refresh} onClose={() => setAsking(undefined)} />
      )}
      {asking === "prune" && (
        <PruneCache
          agent={agent}
          repo={null}
          onDone={async () => {
            usage.again();
            await refresh();
          }}
          onClose={() => setAsking(undefined)}
        />
      )}
    </>
  );
}

interface RepositoryRowProps {
  readonly agent: string;
  readonly repository: Repository;
  /** Bytes that all of them store. */
  readonly whole: number;
  readonly now: number;
}

function RepositoryRow({ agent, repository, whole, now }: RepositoryRowProps) {
  const { repoKey, mounts, storedBytes, layerBytes, recordBytes, imageBytes, mirrorBytes } = repository;
  const { hitRate, builds, lastUsedAt } = repository;
  const stored = storedOf(repository);
  const size = (bytes: number) => (bytes > 0 ? formatBytes(bytes) : "");
  return (
    <div className="row">
      <Link
        to={`/admin/caches/${encodeURIComponent(agent)}/${encodeURIComponent(repoKey)}`}
        row
        className="name"
        title={repoKey}
      >
        {shortKey(repoKey)}
      </Link>
      <span className="number" title="Mounts and layers">
        {formatBytes(stored)}
      </span>
      <span className="meter">
        <i style={{ width: `${shareOf(stored, whole) * 100}%` }} />
      </span>
      <span className="number widest" title={counted(mounts, "stored cache mount")}>
        {size(storedBytes)}
      </span>
      <span className="number widest" title="Stored layers">
        {size(layerBytes)}
      </span>
      <span
        className="number widest"
        title="Of BuildKit's cache mounts and contexts, when the engine was last looked at"
      >
        {size(recordBytes)}
      </span>
      <span className="number widest" title="That images kept for the next build have for themselves">
        {size(imageBytes)}
      </span>
      <span className="number widest">{size(mirrorBytes)}</span>
      <span className="number wide">{percent(hitRate)}</span>
      <span className="number widest">{builds}</span>
      <span className="age">{lastUsedAt === null ? "" : <Ago at={lastUsedAt} now={now} />}</span>
    </div>
  );
}
