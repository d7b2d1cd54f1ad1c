import { safeName } from "../buildkit/index.js";
import { type Deployment, deploymentAnswer } from "./api/answers.js";
import { projectPath } from "./api/client.js";
import { exitCode } from "./exit-codes.js";
import { progressSettings } from "./follow/follow-to-end.js";
import { followUntilInterrupted } from "./follow/until-interrupted.js";
import { print } from "./print.js";
import { usageError } from "./usage-error.js";
import { withServer } from "./with-server.js";

export interface DeployFlags {
  pr?: string;
  ref?: string;
  commit?: string;
  cache: boolean;
  fork?: boolean;
  follow?: boolean;
  progress?: string;
  cancelOnInterrupt?: boolean;
  json?: boolean;
}

/** Runs `galley deploy` and returns the exit code. */
export function runDeploy(project: string, flags: DeployFlags, process: NodeJS.Process): Promise<number> {
  const json = flags.json === true || flags.progress === "json" || flags.progress === "rawjson";
  return withServer(process, { json }, async (command) => {
    const body = {
      ...target(flags),
      ...commit(flags),
      useCache: flags.cache,
      ...(flags.fork === undefined ? {} : { fork: flags.fork }),
    };
    if (!flags.follow && (flags.progress !== undefined || flags.cancelOnInterrupt))
      throw usageError("--progress and --cancel-on-interrupt go with --follow.");
    if (flags.follow) progressSettings(flags.progress, process);
    const path = projectPath(project, "deployments");
    const { body: deployment } = await command.api.send("POST", path, body, deploymentAnswer);
    if (flags.follow) return followUntilInterrupted(command, deployment, flags);
    print(process, flags, deployment, () => `${deployment.id}\n`);
    if (!json) process.stderr.write(whereToLook(deployment));
    return exitCode.ok;
  });
}

export function whereToLook({ id, project, environment, state }: Deployment): string {
  const name = safeName(`${project}/${environment.name}`);
  return `${name} is ${safeName(state)}. See it with \`galley env show ${name}\`, follow it with \`galley env follow ${id}\`.\n`;
}

function target({ pr, ref }: DeployFlags): { pr: number } | { ref: string } {
  if ((pr === undefined) === (ref === undefined))
    throw usageError("What is to be deployed?", "Give either --pr NUMBER or --ref REF.");
  if (ref !== undefined) return { ref };
  const number = Number(pr);
  if (!/^\d{1,10}$/.test(pr ?? "") || number < 1 || number > 2 ** 31 - 1)
    throw usageError(`--pr ${pr}: not the number of a pull request`);
  return { pr: number };
}

function commit({ commit }: DeployFlags): { commit?: string } {
  if (commit === undefined) return {};
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit))
    throw usageError(`--commit ${commit}: not a full commit id`, "It has 40 hexadecimal digits, or 64.");
  return { commit };
}
