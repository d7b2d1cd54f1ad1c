import { useState } from "react";
import type { Deployment } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import type { DeploymentModel } from "../model/deployment-model.js";
import { formatDuration, formatRef, formatRunning } from "../model/format.js";
import { Confirm } from "../ui/confirm.js";
import { Copy } from "../ui/copy.js";
import { Fork } from "../ui/fork.js";
import { State } from "../ui/mark.js";
import { Out } from "../ui/out.js";
import { Problem } from "../ui/problem.js";
import { go, Link } from "../ui/router.js";
import { lookOf } from "../ui/states.js";

interface HeadProps {
  readonly deployment: Deployment;
  readonly model: DeploymentModel;
  readonly now: number;
}

/** Which deployment this is, in what state, of which commit; and what can be done with it. */
export function DeploymentHead({ deployment, model, now }: HeadProps) {
  const { environment, project, number, final, kind, cancelling } = deployment;
  const commit = deployment.commit ?? model.source?.commit ?? null;
  const subject = deployment.subject ?? model.source?.subject ?? null;
  const author = deployment.author ?? model.source?.author ?? null;
  const state = cancelling !== null && !final ? "cancelling" : deployment.state;
  return (
    <header className="head">
      <div className="line-one">
        <h1 className="crumbs">
          <Link to={`/projects/${project}`}>{project}</Link>
          <Link to={`/environments/${environment.id}`}>{environment.name}</Link>
          <span>#{number}</span>
        </h1>
        <State look={lookOf(state)} />
        <span className="clock">{elapsed(deployment, model, now)}</span>
        {deployment.url !== null && deployment.state === "running" && (
          <span className="address">
            <Out url={deployment.url} />
            <Copy text={deployment.url} what="the address" />
          </span>
        )}
        <Actions
          deployment={deployment}
          planned={model.services.find(({ url }) => url !== null)?.url ?? null}
        />
      </div>
      <div className="line-two">
        {kind === "terminate" ? (
          <span className="quiet">Takes the environment down.</span>
        ) : commit === null ? (
          <span className="quiet">{formatRef(deployment.ref)}</span>
        ) : (
          <>
            <code title={commit}>{commit.slice(0, 10)}</code>
            <Copy text={commit} what="the commit" />
            <span className="subject" title={subject ?? ""}>
              {subject}
            </span>
            <span className="quiet author">{author}</span>
            <Fork deployment={{ ...deployment, asFork: model.source?.fork ?? deployment.asFork }} />
          </>
        )}
        <span className="quiet by">
          {deployment.requestedBy}
          {deployment.useCache ? "" : ", without cache"}
          {deployment.attempt > 1 ? `, attempt ${deployment.attempt}` : ""}
        </span>
      </div>
      {deployment.state === "queued" && (
        <p className="note">
          Waits for an agent with a free slot. <Link to="/admin/agents">See the agents.</Link>
        </p>
      )}
    </header>
  );
}

function elapsed({ duration, claimedAt }: Deployment, model: DeploymentModel, now: number): string {
  if (duration !== null) return formatDuration(duration);
  const since = model.startedAt ?? (claimedAt === null ? undefined : Date.parse(claimedAt));
  return since === undefined ? "" : formatRunning(now - since);
}

interface ActionsProps {
  readonly deployment: Deployment;
  /** Where it will answer. */
  readonly planned: string | null;
}

function Actions({ deployment, planned }: ActionsProps) {
  const [asking, setAsking] = useState(false);
  const { environment, project, ref, fork, final, kind, cancelling, url } = deployment;
  const again = useAction(async (useCache: boolean) => {
    // That it is no fork was said of what the head was then.
    const target = environment.pr === null ? { ref } : { pr: environment.pr };
    const path = `/projects/${encodeURIComponent(project)}/deployments`;
    const made = await call<Deployment>("POST", path, { ...target, useCache, ...(fork && { fork }) });
    go(`/deployments/${made.id}`);
  });
  return (
    <div className="actions">
      {kind === "deploy" && final && (
        <>
          <button type="button" disabled={again.busy} onClick={() => again.run(true)}>
            Rebuild
          </button>
          <button type="button" disabled={again.busy} onClick={() => again.run(false)}>
            Rebuild without cache
          </button>
        </>
      )}
      {!final && (
        <button type="button" disabled={cancelling !== null} onClick={() => setAsking(true)}>
          Cancel
        </button>
      )}
      {!final && planned !== null && (
        <span className="button waiting" title={`${planned} answers when it runs`}>
          Open: waiting
        </span>
      )}
      {url !== null && deployment.state === "running" && (
        <Out url={url} className="button primary">
          Open
        </Out>
      )}
      <Problem error={again.error} />
      {asking && (
        <Confirm
          title={`Cancel #${deployment.number} of ${environment.name}?`}
          verb="Cancel the deployment"
          work={() => call("POST", `/deployments/${deployment.id}/cancel`)}
          onClose={() => setAsking(false)}
        >
          <p>Its builds are stopped. What was running before stays up.</p>
        </Confirm>
      )}
    </div>
  );
}
