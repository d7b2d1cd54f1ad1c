import { existsSync } from "node:fs";
import { safeName } from "../../buildkit/index.js";
import { deploymentAnswer, environmentsAnswer } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { followDeployment } from "../api/follow-deployment.js";
import { exitCode } from "../exit-codes.js";
import { interruptSignal } from "../interrupt.js";
import { reportError } from "../report-error.js";
import { usageError } from "../usage-error.js";
import { withEngine } from "./engine.js";
import { startInstallation } from "./installation.js";
import { layoutOf, openLayout, secretsFile } from "./layout.js";
import { isRunning, readRunState } from "./leftovers.js";
import { natsServerAgain, natsServerOf } from "./nats-server.js";
import { signIn } from "./sign-in.js";

export interface DownFlags {
  dataDir?: string;
  natsServer?: string;
}

/** Runs `galley down`: takes down all previews of this machine's Galley, which is started for that where it does not run. */
export async function runLocalDown(flags: DownFlags, process: NodeJS.Process): Promise<number> {
  const { env, stderr } = process;
  const interrupt = interruptSignal(process);
  const { signal } = interrupt;
  const say = (text: string) => void stderr.write(`${text}\n`);
  try {
    const root = layoutOf(flags.dataDir, env);
    if (!existsSync(secretsFile({ root })))
      throw usageError(
        `No \`galley up\` has kept anything in ${root}.`,
        "--data-dir names the directory that it had: its last lines said which.",
      );
    const layout = openLayout(root);
    const before = readRunState(layout);
    if (before && isRunning(layout, before)) {
      const api = await signIn(layout, `http://localhost:${before.ports.server}`, signal);
      return await terminateAll(api, say, signal);
    }
    const command = process.argv[1] ?? "";
    const natsServer = flags.natsServer
      ? natsServerOf(flags.natsServer, env)
      : natsServerAgain(before?.natsServer, env);
    const installation = await startInstallation({
      layout,
      natsServer,
      port: 0,
      // The previews are on the engine that they were brought up on, whichever this terminal has.
      env: before?.engine ? withEngine(env, before.engine) : env,
      command,
      signal,
      say,
    });
    try {
      return await terminateAll(installation.api, say, signal);
    } finally {
      await installation.stop();
    }
  } catch (error) {
    return reportError(error, { process, json: false, signal });
  } finally {
    interrupt.release();
  }
}

/** Resolves with the exit code when the last one is over: whether all of them are gone. */
async function terminateAll(api: Api, say: (text: string) => void, signal: AbortSignal): Promise<number> {
  const { environments } = await api.get("/environments", environmentsAnswer);
  const there = environments.filter(({ state }) => state !== "terminated");
  const gone = await Promise.all(
    there.map(async ({ id, project, name }) => {
      const { body } = await api.send("POST", `/environments/${id}/terminate`, undefined, deploymentAnswer);
      for await (const told of followDeployment({ api, deployment: body.id, signal })) {
        if (told.kind !== "end") continue;
        const { state, error } = told.deployment;
        say(`${project}/${name} ${state}${error ? `: ${safeName(error.message)}` : ""}`);
        return state === "terminated";
      }
      return false;
    }),
  );
  if (there.length === 0) say("no preview is there");
  return gone.every(Boolean) ? exitCode.ok : exitCode.failed;
}
