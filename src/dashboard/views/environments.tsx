import type { Agent, ListedEnvironment, Project } from "../api/answers.js";
import { usePolled } from "../api/use-polled.js";
import { Paste } from "../ui/copy.js";
import { Empty } from "../ui/empty.js";
import { Problem } from "../ui/problem.js";
import { Link } from "../ui/router.js";
import { useNow } from "../ui/use-now.js";
import { EnvironmentRow } from "./environment-row.js";

/** Every environment, project by project: is it up, and where. */
export function EnvironmentsPage() {
  const environments = usePolled<{ environments: ListedEnvironment[] }>("/environments", 3000);
  const projects = usePolled<{ projects: Project[] }>("/projects", 10_000);
  const agents = usePolled<{ agents: Agent[] }>("/agents", 10_000);
  const now = useNow(1000);
  const error = environments.error ?? projects.error;
  if (!environments.data || !projects.data || !agents.data) return <Problem error={error} />;

  const listed = environments.data.environments;
  const groups = projects.data.projects.map((project) => ({
    project,
    rows: listed.filter(({ project: name }) => name === project.name),
  }));
  return (
    <>
      <h1>Environments</h1>
      <Problem error={error} />
      <NextStep projects={groups.length} agents={agents.data.agents} />
      {groups.map(({ project, rows }) => (
        <section key={project.id} className="group">
          <header>
            <h2>
              <Link to={`/projects/${project.name}`}>{project.name}</Link>
            </h2>
            <span className="quiet url">{project.url}</span>
          </header>
          {rows.length === 0 ? (
            <div className="quiet first">
              No pull request was deployed yet.
              <Paste text={`galley deploy ${project.name} --pr 1 --follow`} what="the command" />
            </div>
          ) : (
            <Rows rows={rows} now={now} />
          )}
        </section>
      ))}
    </>
  );
}

/** The oldest first, so that none moves when something happens; what was taken down stands apart. */
function Rows({ rows, now }: { rows: readonly ListedEnvironment[]; now: number }) {
  const sorted = rows.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  const gone = sorted.filter(({ state }) => state === "terminated");
  const here = sorted.filter(({ state }) => state !== "terminated");
  const table = (shown: readonly ListedEnvironment[]) => (
    <div className="table environments">
      {shown.map((row) => (
        <EnvironmentRow key={row.id} environment={row} now={now} />
      ))}
    </div>
  );
  return (
    <>
      {here.length > 0 && table(here)}
      {gone.length > 0 && (
        <details className="gone">
          <summary className="quiet">{gone.length} terminated</summary>
          {table(gone)}
        </details>
      )}
    </>
  );
}

/** A server that was just set up lacks an agent first, then a project. */
function NextStep({ projects, agents }: { projects: number; agents: readonly Agent[] }) {
  if (agents.length === 0)
    return (
      <Empty title="No agent yet">
        <p>An agent builds and runs the environments on its Docker host.</p>
        <p>
          <Link to="/admin/agents" className="button primary">
            Make an agent
          </Link>
        </p>
      </Empty>
    );
  if (projects === 0)
    return (
      <Empty title="No project yet">
        <p>A project is a repository whose pull requests get environments.</p>
        <p>
          <Link to="/projects" className="button primary">
            Add a project
          </Link>
        </p>
        <Paste text="galley project add shop https://github.com/acme/shop.git" what="the command" />
      </Empty>
    );
  return null;
}
