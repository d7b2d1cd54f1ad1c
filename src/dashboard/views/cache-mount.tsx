import type { CacheAnswer } from "../../cache-api/index.js";
import { useAsked } from "../api/use-asked.js";
import { type Mount, shareOf } from "../model/caches.js";
import { formatBytes, formatCount, formatDuration } from "../model/format.js";
import { Ago, absolute } from "../ui/ago.js";
import { Copy } from "../ui/copy.js";
import { Problem } from "../ui/problem.js";
import { CacheUsers } from "./cache-users.js";

interface CacheMountRowProps {
  /** Where the API tells what is in it. */
  readonly path: string;
  readonly mount: Mount;
  readonly now: number;
  readonly open: boolean;
  readonly onToggle: () => void;
}

/** One stored cache mount in a line; opened, what is in it and who has used it. */
export function CacheMountRow({ path, mount, now, open, onToggle }: CacheMountRowProps) {
  const { id, scope, size, entries, cost, lastUsedAt } = mount;
  return (
    <>
      <div className="row">
        <button type="button" className="plain opener" data-row="" aria-expanded={open} onClick={onToggle}>
          <i className={open ? "fold open" : "fold"} aria-hidden="true" />
          <code>{id}</code>
        </button>
        <span className="quiet scope">{scope}</span>
        <span className="number">{formatBytes(size)}</span>
        <span className="number wide">{formatCount(entries)}</span>
        <span
          className="number wide"
          title="What the steps that use it took when they found it empty: what the next build would take longer without it"
        >
          {cost === null ? "" : formatDuration(cost)}
        </span>
        <span className="age">
          <Ago at={lastUsedAt} now={now} />
        </span>
      </div>
      {open && <Inside path={path} mount={mount} />}
    </>
  );
}

/** Directories that are shown. */
const most = 12;

function Inside({ path, mount: { name, storedAt, usedBy } }: { path: string; mount: Mount }) {
  const { data, error } = useAsked<CacheAnswer<"inspect">>(`${path}?${new URLSearchParams({ entry: name })}`);
  const directories = data?.content?.directories ?? [];
  const [whole] = directories;
  return (
    <div className="opened">
      <Problem error={error} />
      {data && (
        <>
          <p className="quiet">
            Stored {absolute(storedAt)} in {formatCount(data.chunks)} {data.chunks === 1 ? "piece" : "pieces"}{" "}
            under the name <code>{name}</code> <Copy text={name} what={`the name ${name}`} />
          </p>
          <table>
            <caption className="unseen">Largest directories</caption>
            <tbody>
              {directories.slice(0, most).map((directory) => (
                <tr key={directory.path}>
                  <td className="number">{formatBytes(directory.bytes)}</td>
                  <td>
                    <span className="meter">
                      <i style={{ width: `${shareOf(directory.bytes, whole?.bytes ?? 0) * 100}%` }} />
                    </span>
                  </td>
                  <td className="number quiet">{formatCount(directory.files)}</td>
                  <td className="path">
                    <code>{directory.path}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {directories.length > most && (
            <p className="quiet">
              and {formatCount(directories.length - most)} smaller ones: <code>galley cache inspect</code>
            </p>
          )}
        </>
      )}
      <CacheUsers builds={usedBy} />
    </div>
  );
}
