import { Control } from "../../../proto/index.js";
import { isServiceError } from "../control/rpc-error.js";
import { abortAfter } from "../deadline.js";
import type { SolveStatus } from "../progress/types.js";
import type { Session } from "../session/index.js";
import { unary } from "../transport/rpc.js";
import type { BuildKitTransport } from "../transport/transport.js";
import { failureFromHistory, readFailure } from "./answer.js";
import { SolveFailure } from "./failure.js";
import { followStatus } from "./follow.js";
import { playFrontend } from "./frontend.js";
import { failureSwitch, never, pause, settledWithin } from "./pending.js";
import { frontendAttrsOf, solveRequest } from "./request.js";
import { watchRegistries } from "./silent-registry.js";
import type { SolveOptions, StepSourceMap } from "./types.js";

/** Engines before 24 send errors without details, so without the Dockerfile. */
const detailsFrom = 42;
const pausableFrom = 43;
const unavailable = 14;
/** How long the last status messages are waited for: after an abort, after anything else. */
const abortWaitMs = 1000;
const statusWaitMs = 5000;
/** A session that ends just before the Solve does is the daemon's end, not the session's. */
const sessionGraceMs = 1000;
const historyWaitMs = 3000;
const metadataTimeoutMs = 120_000;

export interface SolveRun {
  readonly transport: BuildKitTransport;
  readonly options: SolveOptions;
  readonly ref: string;
  readonly session: Session;
  readonly useGateway: boolean;
  readonly largeDockerfile: boolean;
  readonly onStatus: (status: SolveStatus) => unknown;
  readonly onSourceMap: (map: StepSourceMap) => void;
}

export interface SolveOutcome {
  readonly exporterResponse: Readonly<Record<string, string>>;
  readonly frontendMetadata: Readonly<Record<string, Uint8Array>>;
}

/**
 * Runs one solve on an open session: Solve and Status on connections of their own, so that one survives the other, and the
 * frontend through the gateway where that gives the lines of every step.
 *
 * @returns `without-gateway` when the gateway's connection was lost and the build must be tried again without
 * @throws SolveFailure
 */
export async function runSolve(run: SolveRun): Promise<SolveOutcome | "without-gateway"> {
  const { transport, options, ref, session } = run;
  const calls = transport.openChannel();
  const watch = transport.openChannel();
  const cancel = new AbortController();
  const over = new AbortController();
  const onAbort = () => cancel.abort(options.signal?.reason);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (options.signal?.aborted) onAbort();
  try {
    const gateway = run.useGateway && canUseGateway(run);
    const attrs = frontendAttrsOf(options, gateway);
    const request = solveRequest(options, ref, session.id, attrs, gateway);
    const answer = unary(calls.client, Control.methods.Solve, request, { signal: cancel.signal });
    const registries = watchRegistries(options.metadataTimeoutMs ?? metadataTimeoutMs, () =>
      following.held(),
    );
    const listen = (status: SolveStatus) => {
      registries.see(status);
      return run.onStatus(status);
    };
    const following = followStatus(watch.client, ref, listen, canPauseStatus(transport));
    const metadata = gateway
      ? playFrontend(
          transport,
          ref,
          "dockerfile.v0",
          attrs,
          {
            onSourceMap: run.onSourceMap,
            onGraph: options.onGraph,
            hostNameOf: options.hostNames?.of,
            contextName: options.contextName,
            cacheImports: options.cacheImports,
          },
          cancel.signal,
        )
      : Promise.resolve({});
    const frontend = failureSwitch();
    let bridgeLost = false;
    metadata.then(
      (found) => {
        if (found !== undefined) return;
        bridgeLost = true;
        frontend.fail(undefined);
      },
      async (error: unknown) => {
        // The Solve was told, and answers with the same; only if it does not, this is the end.
        await settledWithin(answer, sessionGraceMs);
        frontend.fail(error);
      },
    );
    const lost = sessionLoss(session, answer);
    const unanswered = following.ended.then(async (): Promise<never> => {
      const historyStatus = await failureFromHistory(watch.client, ref, over.signal);
      if (historyStatus === undefined) return await never();
      throw new SolveFailure(undefined, { historyStatus });
    });
    try {
      const { exporterResponse } = await Promise.race([
        answer,
        unanswered,
        following.listenerFailed,
        registries.silent,
        frontend.failed,
        lost,
      ]);
      await following.settle(statusWaitMs, options.signal);
      // The build is done: that the Return call could not be answered any more does not undo it.
      const frontendMetadata = (await metadata.catch(() => undefined)) ?? {};
      return { exporterResponse, frontendMetadata };
    } catch (error) {
      const lostAnswer = isServiceError(error) && error.code === unavailable && !cancel.signal.aborted;
      const reason = lostAnswer ? (calls.dialError ?? error) : error;
      const known: SolveFailure["known"] = lostAnswer ? await afterLoss(watch.client, ref) : {};
      cancel.abort();
      if (options.signal?.aborted) await settledWithin(following.ended, abortWaitMs);
      else await following.settle(statusWaitMs, options.signal);
      if (bridgeLost && error === undefined) return "without-gateway";
      if (error instanceof SolveFailure) throw error;
      throw new SolveFailure(known.historyStatus === undefined ? reason : undefined, known);
    } finally {
      registries.stop();
      following.stop();
    }
  } finally {
    cancel.abort();
    over.abort();
    options.signal?.removeEventListener("abort", onAbort);
    calls.close();
    watch.close();
  }
}

function canUseGateway({ transport, options, largeDockerfile }: SolveRun): boolean {
  if (options.frontend !== undefined && options.frontend !== "dockerfile.v0") return false;
  if (options.definition !== undefined) return false;
  const api = transport.engine?.apiVersion;
  const withDetails = api === undefined || Number(api.slice("1.".length)) >= detailsFrom;
  return !withDetails || !largeDockerfile;
}

/**
 * BuildKit before 0.11 (Docker Engine 23 and older) never ends a status stream of which more than 1 MiB of logs had to wait: it
 * sends empty messages without end (control.go: `retry` is never set back).
 */
function canPauseStatus({ engine }: BuildKitTransport): boolean {
  return engine === undefined || Number(engine.apiVersion.slice("1.".length)) >= pausableFrom;
}

/** Rejects when the daemon ends the session although the build goes on. */
async function sessionLoss(session: Session, answer: Promise<unknown>): Promise<never> {
  const error = await session.closed;
  if (error === undefined || (await settledWithin(answer, sessionGraceMs))) return await never();
  throw new SolveFailure(error, { sessionLost: true });
}

/** The connection of the Solve broke: a daemon that still answers may know how the build ended. */
async function afterLoss(
  client: Parameters<typeof readFailure>[0],
  ref: string,
): Promise<{ channelLost: true; historyStatus?: Uint8Array }> {
  const limit = abortAfter(historyWaitMs);
  do {
    const recorded = await readFailure(client, ref, limit);
    if (recorded === undefined) break;
    if (recorded !== "none yet") return { channelLost: true, historyStatus: recorded };
  } while (await pause(200, limit));
  return { channelLost: true };
}
