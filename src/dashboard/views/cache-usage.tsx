import type { Agent } from "../api/answers.js";
import { largest, type Part, shareOf, type Usage } from "../model/caches.js";
import { formatBytes } from "../model/format.js";

interface CacheUsageProps {
  /** Of each repository. */
  readonly stored: readonly Part[];
  /** Undefined until the engine has answered. */
  readonly usage: Usage | undefined;
  readonly disk: Agent["disk"];
}

/** Two bars: what is stored for repositories, against the budget, and what BuildKit holds beside it. */
export function CacheUsage({ stored, usage, disk }: CacheUsageProps) {
  const sum = stored.reduce((all, { bytes }) => all + bytes, 0);
  const budget = usage?.budget?.all;
  return (
    <div className="usage">
      <Bar
        title="Stored for repositories"
        figure={`${formatBytes(sum)}${budget === undefined ? "" : ` of ${formatBytes(budget)}`}`}
        note={
          disk === null
            ? "What was used longest ago goes first."
            : `What was used longest ago goes first. ${formatBytes(disk.free)} free on the disk.`
        }
        parts={largest(stored, 5, (count) => `${count} others`)}
        whole={Math.max(budget ?? 0, sum)}
      />
      {usage && (
        <Bar
          title="In BuildKit"
          figure={formatBytes(usage.engine.total)}
          note={
            usage.engine.ourMounts === null
              ? `${formatBytes(usage.engine.reclaimable)} reclaimable. This engine does not say whose cache mounts are; Docker Engine 23 or newer does.`
              : `${formatBytes(usage.engine.reclaimable)} reclaimable: nothing uses it now.`
          }
          parts={[
            { name: "our cache mounts", bytes: usage.engine.ourMounts ?? 0 },
            {
              name: usage.engine.ourMounts === null ? "cache mounts" : "others' cache mounts",
              bytes: usage.engine.otherMounts,
            },
            { name: "steps and contexts", bytes: usage.engine.shared },
          ].filter(({ bytes }) => bytes > 0)}
          whole={usage.engine.total}
        />
      )}
    </div>
  );
}

interface BarProps {
  readonly title: string;
  readonly figure: string;
  readonly note: string;
  readonly parts: readonly Part[];
  readonly whole: number;
}

function Bar({ title, figure, note, parts, whole }: BarProps) {
  return (
    <section aria-label={title}>
      <header>
        <h2>{title}</h2>
        <b>{figure}</b>
      </header>
      <div className="stack" aria-hidden="true">
        {parts.map(({ name, bytes }, place) => (
          <i
            key={name}
            className={`part-${place}`}
            style={{ width: `${shareOf(bytes, whole) * 100}%` }}
            title={`${name}: ${formatBytes(bytes)}`}
          />
        ))}
      </div>
      <ul>
        {parts.map(({ name, bytes }, place) => (
          <li key={name}>
            <i className={`part-${place}`} aria-hidden="true" />
            <span>{name}</span>
            <span className="quiet">{formatBytes(bytes)}</span>
          </li>
        ))}
      </ul>
      <p className="quiet">{note}</p>
    </section>
  );
}
