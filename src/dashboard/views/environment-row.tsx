import type { ListedEnvironment } from "../api/answers.js";
import { formatDuration, formatRef } from "../model/format.js";
import { fields, text } from "../model/read.js";
import { Ago } from "../ui/ago.js";
import { ForkMark } from "../ui/fork.js";
import { State } from "../ui/mark.js";
import { Out } from "../ui/out.js";
import { Link } from "../ui/router.js";
import { type Look, lookOf } from "../ui/states.js";

/** One environment in one line. */
export function EnvironmentRow({ environment, now }: { environment: ListedEnvironment; now: number }) {
  const { id, name, state, url, latest } = environment;
  // A link of a preview that is not there leads nowhere.
  const open = url !== null && (state === "running" || state === "building");
  const last = latest !== null && latest.state !== state && latest.kind === "deploy" ? latest.state : "";
  return (
    <div className="row">
      <span className="state-cell">
        <State look={lookOf(state)} />
      </span>
      <Link
        to={latest && !latest.final ? `/deployments/${latest.id}` : `/environments/${id}`}
        row
        className="name"
      >
        {name}
      </Link>
      <span className="subject" title={latest?.subject ?? ""}>
        {latest && <ForkMark deployment={latest} />}
        {latest ? (latest.subject ?? formatRef(latest.ref)) : ""}
        {(last === "failed" || last === "queued") && (
          <span className="last">
            last: <State look={lookOf(last)} />
          </span>
        )}
      </span>
      <Services environment={environment} />
      <span className="url">{open && <Out url={url}>{url.replace(/^https?:\/\//, "")}</Out>}</span>
      <span className="took" title="Duration of the last deployment">
        {latest?.duration == null ? "" : formatDuration(latest.duration)}
      </span>
      <span className="age">
        <Ago at={environment.updatedAt} now={now} />
      </span>
    </div>
  );
}

const mostDots = 12;

/** The services as small shapes; their names where the pointer rests. */
function Services({ environment: { latest, state } }: { environment: ListedEnvironment }) {
  const names = fields(latest?.plan ?? latest?.services ?? []).map(({ name }) => text(name));
  if (names.length === 0) return <span className="dots" />;
  const { tone } = lookOf(state);
  const running: Look["tone"] = tone;
  return (
    <span className={`dots tone-${running}`} title={names.join(", ")}>
      {names.slice(0, mostDots).map((name) => (
        <i key={name} className={state === "running" ? "full" : "hollow"} />
      ))}
      <span className="quiet">{names.length}</span>
    </span>
  );
}
