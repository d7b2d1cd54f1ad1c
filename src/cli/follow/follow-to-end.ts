import {
  buildErrorOf,
  chooseProgress,
  formatDuration,
  onProcessExit,
  openOutput,
  readFailure,
  renderFailure,
  safeName,
  systemClock,
} from "../../buildkit/index.js";
import type { Deployment } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { followDeployment } from "../api/follow-deployment.js";
import { exitCode } from "../exit-codes.js";
import { safeJson } from "../safe-json.js";
import { DeploymentScreen } from "./deployment-screen.js";
import { InOrder } from "./in-order.js";

export interface FollowToEndOptions {
  readonly api: Api;
  readonly deployment: Deployment;
  readonly process: NodeJS.Process;
  readonly signal: AbortSignal;
  /** As `--progress` has it. */
  readonly progress: string | undefined;
  /** The deployment as JSON on stdout at the end, instead of its URL. */
  readonly json: boolean;
}

/** Milliseconds that events wait for one before them. */
const patienceMs = 5000;

/** Where progress goes, checked before anything is asked of the server. Throws `option_invalid`. */
export const progressSettings = (progress: string | undefined, { env, stderr }: NodeJS.Process) =>
  chooseProgress({ mode: progress ?? "auto", env, output: stderr });

/**
 * Shows a deployment until its end and answers the exit code: 0 it runs (or is taken down, as was asked), 1 it failed or was
 * stopped. Progress on stderr, the URL alone on stdout.
 */
export async function followToEnd(options: FollowToEndOptions): Promise<number> {
  const { api, process, signal } = options;
  const output = openOutput(process.stderr);
  const settings = progressSettings(options.progress, process);
  const screen = new DeploymentScreen({
    settings,
    output,
    clock: systemClock(),
    onExit: onProcessExit,
    signal,
  });
  const order = new InOrder<{ attempt: number; seq: number; event: { readonly [field: string]: unknown } }>();
  const show = async (events: readonly { event: { readonly [field: string]: unknown } }[]) => {
    for (const { event } of events) await screen.show(event);
  };
  // One thing at a time: what comes while something is shown waits for it.
  let turn = Promise.resolve();
  const inTurn = (work: () => Promise<void>) => {
    turn = turn.then(work);
    return turn;
  };
  let patience: NodeJS.Timeout | undefined;
  let last = options.deployment;
  let state = "";
  try {
    const following = followDeployment({
      api,
      deployment: last.id,
      signal,
      onLost: () => screen.announce("connection lost, trying again"),
      onBack: () => screen.announce("connected again"),
    });
    for await (const told of following) {
      if (told.kind === "event") {
        const { attempt, seq } = told.event;
        if (typeof attempt !== "number" || typeof seq !== "number") continue;
        await inTurn(() => show(order.push({ attempt, seq, event: told.event })));
        if (!order.waiting) {
          clearTimeout(patience);
          patience = undefined;
        } else
          patience ??= setTimeout(() => {
            patience = undefined;
            // A failure of it is met by whoever comes next.
            inTurn(() => show(order.giveUp())).catch(() => {});
          }, patienceMs);
        continue;
      }
      last = told.deployment;
      const now = stateLine(last);
      if (now !== state && now !== "") await inTurn(async () => screen.announce(now));
      state = now;
    }
    await inTurn(() => show(order.giveUp()));
    if (order.missing > 0)
      screen.line(`${order.missing} ${order.missing === 1 ? "event has" : "events have"} not arrived`);
  } finally {
    clearTimeout(patience);
    await turn.catch(() => {});
    await screen.close();
  }
  return report(last, screen.failureShown, settings.mode, settings.color, options);
}

/** What only the server knows: nobody has begun with it yet, or it is to end. */
function stateLine({ state, cancelling, project, environment }: Deployment): string {
  const name = `${project}/${environment.name}`;
  if (cancelling) return `${name} is being stopped`;
  return state === "queued" ? `${name} waits for an agent` : "";
}

function report(
  deployment: Deployment,
  shown: boolean,
  mode: string,
  color: boolean,
  { process, json }: FollowToEndOptions,
): number {
  const { stdout, stderr } = process;
  const { state, error, url, duration, project, environment } = deployment;
  const name = safeName(`${project}/${environment.name}`);
  const machine = mode === "json" || mode === "rawjson";
  if (json) stdout.write(`${safeJson(deployment, 2)}\n`);
  if (state === "running" || state === "terminated") {
    const word = state === "running" ? "is up" : "is taken down";
    const after = duration === null ? "" : ` after ${formatDuration(duration)}`;
    if (!machine && mode !== "quiet") stderr.write(`\n${name} ${word}${after}\n`);
    if (!json && state === "running")
      stdout.write(url === null ? "no service is public\n" : `${safeName(url)}\n`);
    return exitCode.ok;
  }
  if (shown && state === "failed") return exitCode.failed;
  const failure = readFailure(error) ?? readFailure({ message: `The deployment was ${state}.` });
  if (machine || json) {
    const { code, message, hint } = failure ?? { code: "", message: "", hint: null };
    stderr.write(`${safeJson({ code: code || state, message, ...(hint ? { hint } : {}) })}\n`);
  } else {
    const columns = stderr.columns ?? 100;
    stderr.write(`\n${renderFailure(buildErrorOf(failure), { color, columns })}`);
  }
  return exitCode.failed;
}
