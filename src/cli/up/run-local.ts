import {
  chooseProgress,
  createRenderer,
  formatDuration,
  onProcessExit,
  openOutput,
  safeName,
  systemClock,
} from "../../buildkit/index.js";
import type { Deployment } from "../api/answers.js";
import { exitCode } from "../exit-codes.js";
import { parsePort } from "../flags/values.js";
import { interruptSignal } from "../interrupt.js";
import { reportError } from "../report-error.js";
import { downLine } from "./down-line.js";
import { type Installation, startInstallation } from "./installation.js";
import { layoutOf, openLayout, readSecrets, secretsFile } from "./layout.js";
import { natsServerOf } from "./nats-server.js";
import { ensureProject, parseProject, parsePull, requestDeployment } from "./requests.js";
import { followSideBySide } from "./side-by-side.js";

/** The flags of `galley up`, as commander hands them over. */
export interface UpFlags {
  dataDir?: string;
  natsServer?: string;
  port?: string;
  project: string[];
  pr: string[];
  progress?: string;
}

/**
 * Runs `galley up`: a whole Galley on this machine until Ctrl-C. Progress and advice on stderr, the URLs of the previews that were
 * asked for on stdout. Returns the exit code: 0 after an orderly end, 1 when something failed or ended by itself.
 */
export async function runLocal(flags: UpFlags, process: NodeJS.Process): Promise<number> {
  const { env, stdout, stderr } = process;
  const interrupt = interruptSignal(process);
  const { signal } = interrupt;
  const json = flags.progress === "json" || flags.progress === "rawjson";
  const began = Date.now();
  const command = process.argv[1] ?? "";
  let installation: Installation | undefined;
  let code: number = exitCode.ok;
  try {
    const output = openOutput(stderr);
    const settings = chooseProgress({ mode: flags.progress ?? "auto", env, output });
    const projects = flags.project.map((text) => parseProject(text, process.cwd()));
    const pulls = flags.pr.map(parsePull);
    const port = flags.port === undefined ? 0 : parsePort(flags.port);
    const layout = openLayout(layoutOf(flags.dataDir, env));
    installation = await startInstallation({
      layout,
      natsServer: natsServerOf(flags.natsServer, env),
      port,
      env,
      command,
      signal,
      say: (text) => void (settings.mode !== "quiet" && !json && stderr.write(`${text}\n`)),
    });
    const { api } = installation;
    for (const project of projects) await ensureProject(api, project);
    const renderer = createRenderer({ ...settings, output, clock: systemClock(), onExit: onProcessExit });
    let ended: Deployment[];
    try {
      const requested = await Promise.all(pulls.map((pull) => requestDeployment(api, pull)));
      ended = await Promise.race([
        followSideBySide(requested, { api, renderer, picture: settings.mode === "tty", signal }),
        installation.broken.then((sentence) => {
          throw new Error(sentence);
        }),
      ]);
    } finally {
      await renderer.close();
    }
    if (!json && ended.length > 0)
      stderr.write(`\n${summary(ended)} after ${formatDuration(Date.now() - began)}\n`);
    for (const deployment of ended) {
      if (deployment.state === "running")
        stdout.write(`${safeName(deployment.url ?? "no public service")}\n`);
      else stderr.write(failure(deployment));
    }
    if (!json) {
      const { email } = readSecrets(layout);
      stderr.write(
        `The dashboard is at ${installation.url} (${email}, password in ${secretsFile(layout)}).\n` +
          "Ctrl-C drains the agent and stops; previews keep running, and the next start finds them.\n" +
          `What takes the previews down: ${downLine(layout.root, command, env)}\n`,
      );
    }
    const broken = await Promise.race([installation.broken, aborted(signal)]);
    if (broken) {
      stderr.write(`error: ${broken}\n`);
      code = exitCode.failed;
    }
  } catch (error) {
    code = reportError(error, { process, json, signal });
  } finally {
    if (installation && !json) stderr.write("stopping…\n");
    await installation?.stop();
    interrupt.release();
  }
  return code;
}

function summary(ended: readonly Deployment[]): string {
  const up = ended.filter(({ state }) => state === "running").length;
  return up === ended.length
    ? `${up} ${up === 1 ? "preview is" : "previews are"} up`
    : `${up} of ${ended.length} are up`;
}

function failure({ project, environment, state, error }: Deployment): string {
  const what = `${safeName(`${project}/${environment.name}`)} ${state}`;
  const hint = error?.hint ? `What to do: ${safeName(error.hint)}\n` : "";
  return error ? `${what}: ${safeName(error.message)}\n${hint}` : `${what}\n`;
}

const aborted = (signal: AbortSignal) =>
  new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
