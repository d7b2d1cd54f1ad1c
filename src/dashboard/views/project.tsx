import type { Deployment, Project } from "../api/answers.js";
import { usePolled } from "../api/use-polled.js";
import { Copy, Paste } from "../ui/copy.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { useNow } from "../ui/use-now.js";
import { DeployForm } from "./deploy-form.js";
import { DeploymentRows } from "./deployment-rows.js";
import { ProjectSettings } from "./project-settings.js";

/** One project: deploying of it, what was deployed, and its settings. */
export function ProjectPage({ name }: { name: string }) {
  const path = `/projects/${encodeURIComponent(name)}`;
  const project = usePolled<Project>(path, 10_000);
  const deployments = usePolled<{ deployments: Deployment[] }>(`${path}/deployments?limit=30`);
  const now = useNow(1000);
  if (!project.data) return <Problem error={project.error} />;
  const { url } = project.data;
  return (
    <>
      <header className="head">
        <div className="line-one">
          <h1 className="crumbs">
            <Link to="/projects">Projects</Link>
            <span>{name}</span>
          </h1>
        </div>
        <div className="line-two">
          <span className="quiet url">{url}</span>
          <Copy text={url} what="the repository" />
        </div>
      </header>
      <Problem error={project.error ?? deployments.error} />
      <DeployForm project={name} />
      <h2>Deployments</h2>
      {deployments.data?.deployments.length === 0 ? (
        <div className="quiet first">
          Nothing was deployed yet. Deploy a pull request above, or with the command:
          <Paste text={`galley deploy ${name} --pr 1 --follow`} what="the command" />
        </div>
      ) : (
        <DeploymentRows deployments={deployments.data?.deployments ?? []} now={now} named />
      )}
      <ProjectSettings project={project.data} onChanged={project.refresh} />
    </>
  );
}
