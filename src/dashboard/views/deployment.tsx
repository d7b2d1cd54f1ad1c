import { useEffect, useMemo, useState } from "react";
import type { Deployment, Environment } from "../api/answers.js";
import { useDeployment } from "../api/use-deployment.js";
import { usePolled } from "../api/use-polled.js";
import type { DeploymentModel, LogPlace } from "../model/deployment-model.js";
import { counted } from "../model/format.js";
import { Out } from "../ui/out.js";
import { Problem } from "../ui/problem.js";
import { useNow } from "../ui/use-now.js";
import { DeploymentHead } from "./deployment-head.js";
import { Failures, failedPlace } from "./failures.js";
import { LogPanel } from "./log-panel.js";
import { placeFromUrl, placeToUrl } from "./log-place.js";
import { Warnings } from "./warnings.js";
import { Waterfall } from "./waterfall.js";

/** One deployment: where it is, what failed and why, its builds on one time axis, and what they printed. */
export function DeploymentPage({ id }: { id: string }) {
  const followed = useDeployment(id);
  const { model, deployment, connected, ended, refused } = followed;
  const live = deployment !== undefined && !deployment.final;
  useNow(live ? 250 : null);
  const [place, setPlace] = useState<LogPlace | undefined>(placeFromUrl);
  const choose = (next: LogPlace) => {
    setPlace(next);
    placeToUrl(next);
  };

  if (refused) return <Problem error={refused} />;
  if (!deployment)
    return connected ? null : (
      <p className="note">The server does not answer; it is tried again by itself.</p>
    );

  // Until somebody looks at something else, what failed is looked at.
  const shown = place ?? failedPlace(model) ?? {};
  return (
    <div className="deployment">
      <div className="upper">
        <DeploymentHead deployment={deployment} model={model} now={followed.now()} />
        {!connected && <p className="note">Connection lost, trying again. What is shown may be old.</p>}
        {ended && model.missing > 0 && (
          <p className="note">{counted(model.missing, "event has", "events have")} not arrived.</p>
        )}
        <StillUp deployment={deployment} />
        <Failures deployment={deployment} model={model} onPlace={choose} />
        <Waterfall
          model={model}
          deployment={deployment}
          now={followed.now()}
          place={shown}
          onPlace={choose}
        />
        <Warnings model={model} />
      </div>
      {deployment.kind === "deploy" && (
        <LogPanel
          model={model}
          place={shown}
          title={titleOf(model, shown)}
          live={!ended}
          onAll={() => choose({})}
        />
      )}
      <Title deployment={deployment} />
    </div>
  );
}

function titleOf(model: DeploymentModel, { service, step }: LogPlace): string {
  if (service === undefined) return "Everything";
  if (step === undefined) return service;
  return `${service}: ${model.service(service)?.step(step)?.name.label ?? "step"}`;
}

/** After a failure: what ran before still does. */
function StillUp({ deployment }: { deployment: Deployment }) {
  const failed = deployment.state === "failed" || deployment.state === "cancelled";
  const { data } = usePolled<Environment>(
    failed ? `/environments/${deployment.environment.id}` : null,
    10_000,
  );
  if (!failed || !data || data.state !== "running" || data.deployment === deployment.id) return null;
  return (
    <p className="note good">
      What was running before stays up
      {data.url !== null && (
        <>
          {": "}
          <Out url={data.url} />
        </>
      )}
      .
    </p>
  );
}

function Title({ deployment }: { deployment: Deployment }) {
  const title = useMemo(
    () => `${deployment.state} · ${deployment.project} ${deployment.environment.name} #${deployment.number}`,
    [deployment],
  );
  useEffect(() => {
    document.title = title;
    return () => {
      document.title = "Galley";
    };
  }, [title]);
  return null;
}
