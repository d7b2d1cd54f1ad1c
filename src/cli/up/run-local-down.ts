import { deploymentAnswer, environmentsAnswer } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { followDeployment } from "../api/follow-deployment.js";
import { exitCode } from "../exit-codes.js";
import { interruptSignal } from "../interrupt.js";
import { reportError } from "../report-error.js";
import { startInstallation } from "./installation.js";
import { layoutOf, openLayout } from "./layout.js";
import { isRunning, readRunState } from "./leftovers.js";
import { natsServerOf } from "./nats-server.js";
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
    const layout = openLayout(layoutOf(flags.dataDir, env));
    const before = readRunState(layout);
    if (before && isRunning(layout, before)) {
      await terminateAll(
        await signIn(layout, `http://localhost:${before.ports.server}`, signal),
        say,
        signal,
      );
      return exitCode.ok;
    }
    const command = process.argv[1] ?? "";
    const natsServer = natsServerOf(flags.natsServer, env);
    const installation = await startInstallation({ layout, natsServer, port: 0, env, command, signal, say });
    try {
      await terminateAll(installation.api, say, signal);
    } finally {
      await installation.stop();
    }
    return exitCode.ok;
  } catch (error) {
    return reportError(error, { process, json: false, signal });
  } finally {
    interrupt.release();
  }
}

async function terminateAll(api: Api, say: (text: string) => void, signal: AbortSignal): Promise<void> {
  const { environments } = await api.get("/environments", environmentsAnswer);
  const there = environments.filter(({ state }) => state !== "terminated");
  await Promise.all(
    there.map(async ({ id, project, name }) => {
      const { body } = await api.send("POST", `/environments/${id}/terminate`, undefined, deploymentAnswer);
      for await (const told of followDeployment({ api, deployment: body.id, signal }))
        if (told.kind === "end") say(`${project}/${name} ${told.deployment.state}`);
    }),
  );
  if (there.length === 0) say("no preview is there");
}
