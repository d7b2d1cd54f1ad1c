import type { ClaimedMessage, ClaimReply, Job } from "../bus/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import type { ActiveRun, ActiveRuns } from "./active.js";
import type { AgentLog } from "./log.js";
import { createMask, secretsOf } from "./mask.js";
import type { OpenClaims } from "./open-claims.js";
import type { DeploymentFinished, RunOptions } from "./runner.js";
import { stopReasonOf } from "./stop-reason.js";
import { createTelling, type EventOutbox } from "./telling.js";

export interface ClaimOptions {
  /** Id. */
  readonly agent: string;
  readonly active: ActiveRuns;
  readonly claims: OpenClaims;
  /** Asks the server for the job, with the claim's id. */
  readonly ask: (deployment: string, claim: string, signal: AbortSignal) => Promise<ClaimReply>;
  /** Tells the server that an attempt was ended half-way. False when it is not the server's to give on. */
  readonly handBack: (deployment: string, attempt: number) => Promise<boolean>;
  readonly run: (job: Job, options: RunOptions) => Promise<DeploymentFinished | undefined>;
  readonly outbox: EventOutbox & { readonly flush: (signal: AbortSignal) => Promise<void> };
  readonly onFinished: (outcome: DeploymentFinished["outcome"], durationMs: number) => void;
  readonly log: AgentLog;
  readonly now: () => number;
  readonly newId: () => string;
  readonly random: () => number;
}

/** Milliseconds for which a job is handed back when the server cannot be asked: from half of it to all. */
const handBackMs = 10_000;
/** Milliseconds that the last event gets to reach the disk. */
const flushMs = 60_000;

/**
 * Sees a delivered message through: claims the job, carries it out, acknowledges when the last event is safe. Until then the bus is told
 * that it is being worked on. Never rejects.
 *
 * @param signal ends the claim; a job that is under way has its own
 */
export async function handleMessage(
  message: ClaimedMessage,
  options: ClaimOptions,
  signal: AbortSignal,
): Promise<void> {
  const { active, claims, log } = options;
  const { deployment } = message.message;
  const running = active.get(deployment);
  if (running) {
    // The bus was away for longer than it waits: the same work goes on under the new delivery, whose ack is the one that counts.
    running.message = message;
    message.keepAlive(settled(running.done));
    return;
  }
  if (active.hasEnded(deployment)) {
    await message.ack();
    return;
  }
  const lease = new AbortController();
  message.keepAlive(lease.signal);
  const before = claims.underWay(deployment);
  if (before) {
    // It came twice. What the first becomes says what is to be done with the second.
    await before;
    lease.abort();
    return await handleMessage(message, options, signal);
  }
  const claim = claims.open(deployment);
  try {
    const reply = await options.ask(deployment, claim.id, signal);
    claim.answered();
    if (reply.granted) {
      const carriedOut = carryOut(message, reply, options, lease);
      claim.close(); // it is among the active ones now
      await carriedOut;
    } else {
      log.info({ deployment, reason: reply.reason }, "the server does not grant the job");
      lease.abort();
      await message.ack();
    }
  } catch (error) {
    lease.abort();
    const waitMs = signal.aborted ? 0 : Math.round(handBackMs * (0.5 + options.random() / 2));
    log.warn(
      { deployment, waitMs, error: (error as Error).message },
      "a job could not be claimed; it comes again",
    );
    message.nak(waitMs);
  } finally {
    claim.close();
  }
}

async function carryOut(
  message: ClaimedMessage,
  { attempt, job }: Extract<ClaimReply, { granted: true }>,
  options: ClaimOptions,
  lease: AbortController,
): Promise<void> {
  const { agent, active, outbox, log, now, newId } = options;
  const { deployment } = message.message;
  if (job.deployment !== deployment)
    throw new GalleyError(
      "bus_message_invalid",
      `The server granted ${job.deployment} instead of ${deployment}.`,
    );
  const mask = createMask(secretsOf(job));
  const begun = active.begin({ deployment, environment: job.environment.id, attempt, message });
  const tell = createTelling({
    agent,
    project: job.project.id,
    environment: job.environment.id,
    deployment,
    attempt,
    outbox,
    mask,
    now,
    newId,
    onLost: begun.stop,
  });
  const { delivery } = message;
  log.info({ deployment, attempt, delivery, kind: job.kind, environment: job.environment.name }, "claimed");
  let finished: DeploymentFinished | undefined;
  try {
    await tell({ type: "deployment.state", state: "claimed" });
    // What is still being ended there has to be out of the way. When this one is to end itself, running it says how.
    await active.environmentFree(begun.run).catch(() => {});
    finished = await options.run(job, { tell, mask, signal: begun.run.signal });
    if (finished) {
      await tell(finished);
      await outbox.flush(abortAfter(flushMs));
      active.rememberEnded(deployment);
      options.onFinished(finished.outcome, finished.duration);
    }
  } catch (error) {
    log.error(
      { deployment, error: mask((error as Error).message) },
      "the end of a deployment could not be kept",
    );
    finished = undefined;
  }
  // Before the run counts as over: what drains would else close the connection.
  const given = giveBack(begun.run, finished, lease, options);
  begun.end();
  await active.settle(given);
}

async function giveBack(
  { deployment, attempt, message, signal }: ActiveRun,
  finished: DeploymentFinished | undefined,
  lease: AbortController,
  { log, handBack }: Pick<ClaimOptions, "log" | "handBack">,
): Promise<void> {
  const stopped = stopReasonOf(signal)?.kind;
  // The message stays with us until the server has said whether it is needed: nobody else can claim it meanwhile.
  const moved =
    !finished && stopped === "drained" && (await handBack(deployment, attempt).catch(() => false));
  lease.abort();
  if (finished) {
    log.info({ deployment, attempt, outcome: finished.outcome, duration: finished.duration }, "finished");
    await message.ack();
  } else if (moved) {
    log.info({ deployment, attempt }, "handed back, for another agent");
    await message.ack();
  } else if (stopped === "fenced") {
    // The message is the other attempt's by now: an ack, even a late one, would take its job away.
    log.info({ deployment, attempt }, "left to another attempt");
  } else {
    message.nak(0);
    log.info({ deployment, attempt }, "handed back");
  }
}

function settled(done: Promise<void>): AbortSignal {
  const controller = new AbortController();
  done.then(() => controller.abort());
  return controller.signal;
}
