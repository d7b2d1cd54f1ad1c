import type { CacheAnswer } from "../../cache-api/index.js";
import { useAsked } from "../api/use-asked.js";
import { deploymentOf, type Kept, shareOf } from "../model/caches.js";
import { formatDuration } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { State } from "../ui/mark.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { lookOf } from "../ui/states.js";

interface CacheBuildRowProps {
  /** Where the API tells why its steps were cached, or were not. */
  readonly path: string;
  readonly build: Kept["builds"][number];
  readonly now: number;
  readonly open: boolean;
  readonly onToggle: () => void;
}

/** One build in a line; opened, why each of its steps came from the cache or did not. */
export function CacheBuildRow({ path, build, now, open, onToggle }: CacheBuildRowProps) {
  const { id, service, scope, steps, cached, took, at, built } = build;
  const { deployment } = deploymentOf(id);
  return (
    <>
      <div className="row">
        <button type="button" className="plain opener" data-row="" aria-expanded={open} onClick={onToggle}>
          <i className={open ? "fold open" : "fold"} aria-hidden="true" />
          <b>{service}</b>
          {!built && <State look={lookOf("failed")} />}
        </button>
        <Link to={`/deployments/${deployment}`} className="wide">
          {deployment}
        </Link>
        <span className="quiet scope">{scope}</span>
        <span className="disk">
          <span className="meter">
            <i style={{ width: `${shareOf(cached, steps) * 100}%` }} />
          </span>
          <span>
            {cached} of {steps}
          </span>
        </span>
        <span className="number wide">{formatDuration(took)}</span>
        <span className="age">
          <Ago at={at} now={now} />
        </span>
      </div>
      {open && <Reasons path={path} />}
    </>
  );
}

function Reasons({ path }: { path: string }) {
  const { data, error } = useAsked<CacheAnswer<"explain">>(path);
  const given = [...(data?.layers ?? []), ...(data?.registry ?? [])];
  return (
    <div className="opened">
      <Problem error={error} />
      {data && (
        <>
          <p className="quiet">
            {data.previous === null ? (
              "Compared with nothing: it is the first build of its service that is remembered."
            ) : (
              <>
                Compared with{" "}
                <Link to={`/deployments/${deploymentOf(data.previous).deployment}`}>{data.previous}</Link>.
              </>
            )}
            {data.restored.length > 0 && ` Filled from what was stored: ${data.restored.join(", ")}.`}
            {given.length > 0 && ` Layers were at hand: ${given.join(", ")}.`}
          </p>
          <table>
            <caption className="unseen">Steps</caption>
            <tbody>
              {data.steps.map(({ name, cached, took, why, because }, place) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: steps keep their places, and may have one name
                <tr key={place}>
                  <td className={cached ? "quiet" : ""}>
                    {cached ? <State look={lookOf("cached")} /> : why}
                  </td>
                  <td className="number">{cached ? "" : formatDuration(took)}</td>
                  <td className="path">
                    <code title={name}>{name}</code>
                    {because !== null && <small className="quiet">because of {because}</small>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </div>
  );
}
