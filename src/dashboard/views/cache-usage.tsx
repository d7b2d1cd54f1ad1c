import type { Agent } from "../api/answers.js";
import { largest, type Part, partsOfDisk, shareOf, type Usage } from "../model/caches.js";
import { formatBytes } from "../model/format.js";

interface CacheUsageProps {
  /** Of each repository. */
  readonly stored: readonly Part[];
  /** Undefined until the engine has answered. */
  readonly usage: Usage | undefined;
  readonly disk: Agent["disk"];
}

/** Bars: what is stored for repositories, against the budget; the disk that it is on; what BuildKit holds beside it, and what images take. */
export function CacheUsage({ stored, usage, disk }: CacheUsageProps) {
  const sum = stored.reduce((all, { bytes }) => all + bytes, 0);
  const budget = usage?.budget?.all;
  return (
    <div className="usage">
      <Bar
        title="Stored for repositories"
        figure={`${formatBytes(sum)}${budget === undefined ? "" : ` of ${formatBytes(budget)}`}`}
        note={`Mounts and layers. What was used longest ago goes first${
          usage?.budget
            ? `, and what takes more than ${formatBytes(usage.budget.repository)} for one repository`
            : ""
        }.`}
        parts={largest(stored, 5, (count) => `${count} others`)}
        whole={Math.max(budget ?? 0, sum)}
      />
      {usage && disk !== null && disk.total > 0 && (
        <Bar
          title="Disk of the agent"
          figure={`${formatBytes(disk.free)} free of ${formatBytes(disk.total)}`}
          note="The disk of GALLEY_DATA_DIR. The engine may keep what it has on another one."
          parts={partsOfDisk(usage, disk)}
          whole={disk.total}
        />
      )}
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
            { name: "our contexts", bytes: usage.engine.ourContexts },
            { name: "steps and other contexts", bytes: usage.engine.shared },
          ].filter(({ bytes }) => bytes > 0)}
          whole={usage.engine.total}
        />
      )}
      {usage?.images && (
        <Bar
          title="Images"
          figure={formatBytes(usage.images.ours + usage.images.others + usage.images.shared)}
          note={`${formatBytes(usage.images.reclaimable)} reclaimable: no container uses it.`}
          parts={[
            { name: "of these repositories", bytes: usage.images.ours },
            { name: "all others", bytes: usage.images.others },
            { name: "shared, at least", bytes: usage.images.shared },
          ].filter(({ bytes }) => bytes > 0)}
          whole={usage.images.ours + usage.images.others + usage.images.shared}
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
