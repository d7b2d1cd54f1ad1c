import type { Deployment } from "../api/answers.js";
import { formatDuration, formatRef } from "../model/format.js";
import { Ago } from "../ui/ago.js";
import { ForkMark } from "../ui/fork.js";
import { State } from "../ui/mark.js";
import { Link } from "../ui/router.js";
import { lookOf } from "../ui/states.js";

interface RowsProps {
  readonly deployments: readonly Deployment[];
  readonly now: number;
  /** Of several environments: each row says which. */
  readonly named?: boolean;
}

/** Deployments, the newest first, a line each. */
export function DeploymentRows({ deployments, now, named = false }: RowsProps) {
  return (
    <div className={named ? "table deployments named" : "table deployments"}>
      {deployments.map((one) => (
        <div className="row" key={one.id}>
          <span className="state-cell">
            <State look={lookOf(one.cancelling !== null && !one.final ? "cancelling" : one.state)} />
          </span>
          <Link to={`/deployments/${one.id}`} row className="name">
            {named && `${one.environment.name} `}#{one.number}
          </Link>
          <code className="commit">{one.commit?.slice(0, 10) ?? ""}</code>
          <span className="subject" title={one.subject ?? ""}>
            <ForkMark deployment={one} />
            {one.kind === "terminate" ? "terminate" : (one.subject ?? formatRef(one.ref))}
          </span>
          <span className="quiet by" title={one.requestedBy}>
            {one.requestedBy}
          </span>
          <span className="took">{one.duration === null ? "" : formatDuration(one.duration)}</span>
          <span className="age">
            <Ago at={one.createdAt} now={now} />
          </span>
        </div>
      ))}
    </div>
  );
}
