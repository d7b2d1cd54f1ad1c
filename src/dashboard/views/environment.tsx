import { useState } from "react";
import type { Deployment, Environment } from "../api/answers.js";
import { call } from "../api/client.js";
import { useAction } from "../api/use-action.js";
import { usePolled } from "../api/use-polled.js";
import { Confirm } from "../ui/confirm.js";
import { Copy } from "../ui/copy.js";
import { State } from "../ui/mark.js";
import { Out } from "../ui/out.js";
import { Problem } from "../ui/problem.js";
import { go, Link } from "../ui/router.js";
import { lookOf } from "../ui/states.js";
import { useNow } from "../ui/use-now.js";
import { DeploymentRows } from "./deployment-rows.js";
import { Life } from "./life.js";
import { Services } from "./services.js";

type Shown = Environment & { readonly deployments: readonly Deployment[] };

/** One environment: is it up, where, and its last deployments. */
export function EnvironmentPage({ id }: { id: string }) {
  const { data, error, refresh } = usePolled<Shown>(`/environments/${encodeURIComponent(id)}`);
  const now = useNow(1000);
  const [asking, setAsking] = useState(false);
  const newest = data?.deployments.find(({ kind }) => kind === "deploy");
  const again = useAction(async (useCache: boolean) => {
    if (!data) return;
    const target = data.pr === null ? { ref: newest?.ref ?? data.name } : { pr: data.pr };
    const path = `/projects/${encodeURIComponent(data.project)}/deployments`;
    const made = await call<Deployment>("POST", path, {
      ...target,
      useCache,
      ...(newest?.fork && { fork: true }),
    });
    go(`/deployments/${made.id}`);
  });
  if (!data) return <Problem error={error} />;
  const serving = data.deployments.find(({ id }) => id === data.deployment);
  return (
    <>
      <header className="head">
        <div className="line-one">
          <h1 className="crumbs">
            <Link to={`/projects/${data.project}`}>{data.project}</Link>
            <span>{data.name}</span>
          </h1>
          <State look={lookOf(data.state)} />
          <div className="actions">
            <button type="button" disabled={again.busy} onClick={() => again.run(true)}>
              {data.state === "terminated" ? "Deploy" : "Rebuild"}
            </button>
            <button type="button" disabled={again.busy} onClick={() => again.run(false)}>
              {data.state === "terminated" ? "Deploy without cache" : "Rebuild without cache"}
            </button>
            {data.state !== "terminated" && (
              <button type="button" className="danger" onClick={() => setAsking(true)}>
                Terminate
              </button>
            )}
          </div>
        </div>
        {data.url !== null && data.state !== "terminated" && (
          <div className="line-two">
            <Out url={data.url} />
            <Copy text={data.url} what="the address" />
          </div>
        )}
        {data.state !== "terminated" && <Life environment={data} now={now} onChanged={refresh} />}
      </header>
      <Problem error={again.error ?? error} />
      {serving && <Services deployment={serving} />}
      <h2>Deployments</h2>
      <DeploymentRows deployments={data.deployments} now={now} />
      {asking && (
        <Confirm
          title={`Terminate ${data.project}/${data.name}?`}
          verb="Terminate"
          work={async () => {
            const made = await call<Deployment>("POST", `/environments/${data.id}/terminate`);
            go(`/deployments/${made.id}`);
          }}
          onClose={() => setAsking(false)}
        >
          <p>
            Its containers, networks and volumes are removed, with the data in them. It can be deployed again.
          </p>
        </Confirm>
      )}
    </>
  );
}
