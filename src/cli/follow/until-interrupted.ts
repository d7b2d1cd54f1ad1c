import { safeName } from "../../buildkit/index.js";
import { type Deployment, deploymentAnswer } from "../api/answers.js";
import { isClosedOutput } from "../closed-output.js";
import { exitCode } from "../exit-codes.js";
import type { ServerCommand } from "../with-server.js";
import { followToEnd } from "./follow-to-end.js";

export interface FollowFlags {
  readonly progress?: string;
  readonly json?: boolean;
  readonly cancelOnInterrupt?: boolean;
}

/** Milliseconds that a cancelled deployment gets to come to its end while we watch. */
const cancelMs = 60_000;

/**
 * Follows a deployment until its end or until Ctrl-C. The latter only ends the following, as somebody else may want the preview;
 * with `cancelOnInterrupt` it cancels the deployment, and what is left of it is shown. Then the exit code is 130.
 */
export async function followUntilInterrupted(
  { process, signal, apiUntil }: ServerCommand,
  deployment: Deployment,
  { progress, json = false, cancelOnInterrupt = false }: FollowFlags,
): Promise<number> {
  const { stderr } = process;
  const leave = new AbortController();
  const api = apiUntil(leave.signal);
  let late: NodeJS.Timeout | undefined;
  let problem: unknown;
  const onInterrupt = () => {
    if (!cancelOnInterrupt || isClosedOutput(signal.reason)) return leave.abort(signal.reason);
    late = setTimeout(() => leave.abort(signal.reason), cancelMs);
    api.send("POST", `/deployments/${deployment.id}/cancel`, undefined, deploymentAnswer).catch((error) => {
      problem = error;
      leave.abort(signal.reason);
    });
  };
  if (signal.aborted) onInterrupt();
  else signal.addEventListener("abort", onInterrupt, { once: true });
  try {
    const code = await followToEnd({ api, deployment, process, signal: leave.signal, progress, json });
    if (isClosedOutput(signal.reason)) return exitCode.closedOutput;
    return signal.aborted ? exitCode.interrupted : code;
  } catch (error) {
    if (!leave.signal.aborted) throw error;
    if (problem !== undefined) throw problem;
    if (isClosedOutput(signal.reason)) return exitCode.closedOutput;
    const name = safeName(`${deployment.project}/${deployment.environment.name}`);
    stderr.write(
      cancelOnInterrupt
        ? `\n${name} is being cancelled, and has not ended yet. See it with \`galley env show ${name}\`.\n`
        : `\n${name} goes on without us. Come back to it with \`galley env follow ${deployment.id}\`, cancel it with \`galley env cancel ${deployment.id}\`.\n`,
    );
    return exitCode.interrupted;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", onInterrupt);
  }
}
