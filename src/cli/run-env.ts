import { formatDuration } from "../buildkit/index.js";
import { ago, until } from "./ago.js";
import {
  type Deployment,
  deploymentAnswer,
  type Environment,
  environmentsAnswer,
  type RuntimeEvent,
  runtimeEventsAnswer,
} from "./api/answers.js";
import { exitCode } from "./exit-codes.js";
import { findDeployment, isDeploymentId, readDeployment, readEnvironment } from "./find-deployment.js";
import { print } from "./print.js";
import { sheet, table } from "./table.js";
import { toneOf } from "./tones.js";
import { withServer } from "./with-server.js";

/** Runs `galley env ls` and returns the exit code. */
export function runEnvLs(
  flags: { project?: string; json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const query = flags.project === undefined ? "" : `?project=${encodeURIComponent(flags.project)}`;
    const { environments } = await api.get(`/environments${query}`, environmentsAnswer);
    const now = Date.now();
    print(process, flags, environments, (color) =>
      environments.length === 0
        ? "No environments. Make one with: galley deploy PROJECT --pr NUMBER\n"
        : table(
            ["ENVIRONMENT", "STATE", "CHANGED", "EXPIRES", "URL"],
            environments.map((environment) => [
              { text: `${environment.project}/${environment.name}`, tone: "strong" },
              { text: environment.state, tone: toneOf(environment.state) },
              ago(environment.updatedAt, now),
              expiry(environment, now),
              environment.url ?? "-",
            ]),
            color,
          ),
    );
    return exitCode.ok;
  });
}

/** Runs `galley env show` and returns the exit code. */
export function runEnvShow(
  name: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const now = Date.now();
    if (isDeploymentId(name)) {
      const deployment = await readDeployment(api, name);
      print(process, flags, deployment, (color) => deploymentSheet(deployment, now, color));
      return exitCode.ok;
    }
    const environment = await readEnvironment(api, name);
    const { events } = await api.get(
      `/environments/${environment.id}/runtime-events?limit=20`,
      runtimeEventsAnswer,
    );
    const { project, state, url, agent, deployment, deployments, updatedAt, problem } = environment;
    const waking = state === "hibernating" && environment.desired === "up";
    print(
      process,
      flags,
      { ...environment, runtimeEvents: events },
      (color) =>
        `${sheet(
          [
            ["environment", { text: `${project}/${environment.name}`, tone: "strong" }],
            ["state", { text: waking ? "hibernating, being woken" : state, tone: toneOf(state) }],
            ["problem", problem && { text: problem.message, tone: "bad" }],
            ["what to do", problem?.hint ?? null],
            ["url", url],
            ["serves", deployment],
            ["agent", agent],
            ["changed", ago(updatedAt, now)],
            ["last asked for", environment.lastRequestAt && ago(environment.lastRequestAt, now)],
            ["expires", expiry(environment, now)],
          ],
          color,
        )}\n${deploymentsTable(deployments, now, color)}${eventsTable(events, now, color)}`,
    );
    return exitCode.ok;
  });
}

function expiry({ pinned, expiresAt, state }: Environment, now: number): string {
  if (state === "terminated") return "-";
  if (pinned) return "pinned";
  return expiresAt === null ? "never" : until(expiresAt, now);
}

function deploymentsTable(deployments: readonly Deployment[], now: number, color: boolean): string {
  if (deployments.length === 0) return "No deployments.\n";
  return table(
    ["DEPLOYMENT", "KIND", "STATE", "REQUESTED", "TOOK", "COMMIT", "SUBJECT"],
    deployments.map(({ id, kind, state, createdAt, duration, commit, subject, error }) => [
      id,
      kind,
      { text: state, tone: toneOf(state) },
      ago(createdAt, now),
      duration === null ? "-" : formatDuration(duration),
      commit?.slice(0, 12) ?? "-",
      error?.message ?? subject ?? "",
    ]),
    color,
  );
}

const happened: Record<string, string> = {
  ended: "its process ended",
  out_of_memory: "killed: out of memory",
  restarted: "restarted",
  healthy: "healthy again",
  unhealthy: "unhealthy",
  hibernated: "hibernated",
  woken: "woken",
  hibernate_failed: "could not be hibernated",
  wake_failed: "could not be woken",
};

function eventsTable(events: readonly RuntimeEvent[], now: number, color: boolean): string {
  if (events.length === 0) return "";
  const rows = events.map(({ at, service, type, exitCode, restarts, detail }) => [
    ago(at, now),
    service ?? "-",
    { text: happened[type] ?? type, tone: toneOf(type) },
    detail ?? (exitCode === null ? (restarts ? `${restarts} times so far` : "") : `exit code ${exitCode}`),
  ]);
  return `\n${table(["WHEN", "SERVICE", "WHAT", ""], rows, color)}`;
}

function deploymentSheet(deployment: Deployment, now: number, color: boolean): string {
  const { environment, project, state, commit, subject, author, error, duration } = deployment;
  return sheet(
    [
      ["deployment", { text: deployment.id, tone: "strong" }],
      ["environment", `${project}/${environment.name}`],
      ["kind", deployment.kind],
      ["state", { text: state, tone: toneOf(state) }],
      ["cancelling", deployment.cancelling],
      ["url", deployment.url],
      ["ref", deployment.ref],
      ["commit", commit],
      ["subject", subject],
      ["author", author],
      ["requested", `${ago(deployment.createdAt, now)} by ${deployment.requestedBy}`],
      ["ended", deployment.finishedAt && ago(deployment.finishedAt, now)],
      ["took", duration === null ? null : formatDuration(duration)],
      ["agent", deployment.agent],
      ["attempt", deployment.attempt > 1 ? String(deployment.attempt) : null],
      ["error", error && { text: `${error.message} (${error.code})`, tone: "bad" }],
      ["what to do", error?.hint ?? null],
    ],
    color,
  );
}

/** Runs `galley env cancel` and returns the exit code. */
export function runEnvCancel(
  name: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { id } = await findDeployment(api, name, {
      accepts: ({ final, kind }) => !final && kind === "deploy",
      orElse: "has no deployment that is queued or under way",
    });
    const { body } = await api.send("POST", `/deployments/${id}/cancel`, undefined, deploymentAnswer);
    print(process, flags, body, () =>
      body.final ? `${id} is cancelled.\n` : `${id} is being cancelled: its agent was told.\n`,
    );
    return exitCode.ok;
  });
}
