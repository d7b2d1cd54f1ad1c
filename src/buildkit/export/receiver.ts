import { setTimeout as sleep } from "node:timers/promises";
import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus, type SessionCall, type SessionService } from "../session/service.js";
import type { ExportEntry } from "../solve/types.js";
import { DirectoryOutput } from "./directory-output.js";
import { exportFailure } from "./failure.js";
import { StreamOutput } from "./stream-output.js";

/** Receives what the exporters of one solve send back. Exactly one of `complete` and `discard` is to be called, once. */
export interface ExportReceiver extends SessionService {
  /** The first failure on this side, which says more than the text that the daemon makes of it. */
  readonly failure: BuildKitError | undefined;
  /**
   * The solve has succeeded: ends the streams, moves the directories into place. Throws `export_failed` or `disk_full`,
   * and `protocol_violation` when the engine reported success and sent nothing; then nothing of that export is left.
   */
  complete(signal?: AbortSignal): Promise<void>;
  /** The solve has failed or was cancelled, and the session is closed: removes everything that arrived. */
  discard(): Promise<void>;
}

type Output = StreamOutput | DirectoryOutput;

const path = "/moby.filesync.v1.FileSend/DiffCopy";
const callsEndMs = 5000;

/**
 * Makes the receiving end for the exports of one solve, in the order of `SolveRequest.Exporters`. Its method is announced
 * only when an export sends something back. Results are received to the side and put in place by `complete`, because a
 * daemon ends the call of a failed export as cleanly as that of a whole one.
 */
export function createExportReceiver(exports: readonly ExportEntry[]): ExportReceiver {
  const outputs = new Map<number, Output>();
  for (const [id, entry] of exports.entries()) {
    const output = outputOf(entry);
    if (output !== undefined) outputs.set(id, output);
  }
  let failure: BuildKitError | undefined;
  const calls = new Set<Promise<void>>();

  /** Waits for calls that still write: they end with the session, so the limit is there for a session left open. */
  async function callsEnded(): Promise<void> {
    const limit = new AbortController();
    await Promise.race([
      Promise.allSettled(calls),
      sleep(callsEndMs, undefined, { signal: limit.signal }).catch(() => undefined),
    ]);
    limit.abort();
  }

  async function discard(): Promise<void> {
    await callsEnded();
    for (const output of outputs.values()) await output.discard();
  }

  async function receive(call: SessionCall): Promise<void> {
    const output = choose(outputs, call);
    try {
      const receiving = output.receive(call);
      calls.add(receiving);
      await receiving.finally(() => calls.delete(receiving));
    } catch (error) {
      if (error instanceof RpcError || call.signal.aborted) throw error;
      failure ??= exportFailure(error, output.type);
      throw new RpcError(
        failure.code === "disk_full" ? rpcStatus.resourceExhausted : rpcStatus.aborted,
        failure.message,
        { cause: error },
      );
    }
  }

  return {
    methods: outputs.size > 0 ? { [path]: receive } : {},
    get failure() {
      return failure;
    },
    async complete(signal) {
      // The answer to the solve comes on another connection, and may overtake the end of the calls.
      await callsEnded();
      const missing = [...outputs.values()].find((output) => !output.received);
      if (missing !== undefined) {
        await discard();
        throw (
          failure ??
          new BuildKitError(
            "protocol_violation",
            `The engine reported success but sent no whole ${missing.type} export.`,
          )
        );
      }
      try {
        for (const output of outputs.values()) await output.complete(signal);
      } catch (error) {
        await discard();
        throw error;
      }
    },
    discard,
  };
}

function outputOf({ type, output }: ExportEntry): Output | undefined {
  if (output === undefined) return undefined;
  if (output.kind === "stream") return new StreamOutput(type, output.open);
  // An image layout in a directory is written through the content store: see `layoutDirectory`.
  return type === "local" ? new DirectoryOutput(type, output.path) : undefined;
}

/** The export a call is for: by its number in the list, or the only one (BuildKit before 0.13 does not number them). */
function choose(outputs: ReadonlyMap<number, Output>, call: SessionCall): Output {
  const id = call.metadata.first("buildkit-attachable-exporter-id");
  if (id === undefined) {
    const [only, another] = outputs.values();
    if (only !== undefined && another === undefined) return only;
    throw new RpcError(rpcStatus.invalidArgument, "the call does not say which of several exports it is for");
  }
  const output = /^\d{1,9}$/.test(id) ? outputs.get(Number(id)) : undefined;
  if (output === undefined) throw new RpcError(rpcStatus.notFound, "there is no export with this number");
  return output;
}
