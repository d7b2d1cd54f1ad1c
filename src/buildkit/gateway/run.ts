import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Control, type pb } from "../../../proto/index.js";
import { controlError } from "../control/rpc-error.js";
import { BuildKitError } from "../errors.js";
import { openSession, type SessionService } from "../session/index.js";
import { unary } from "../transport/rpc.js";
import type { BuildKitTransport } from "../transport/transport.js";
import { Bridge } from "./bridge.js";
import { type ContainerExecOptions, execInContainer } from "./container.js";

export interface GatewayOptions {
  /** What the daemon may call: file sync for `local://` sources, registry auth for images ... */
  readonly services?: readonly SessionService[];
  readonly sharedKey?: string;
  readonly signal?: AbortSignal;
}

/** What can be done while the gateway is open. */
export interface Gateway {
  /** For `local.session` of local sources. */
  readonly sessionId: string;
  /** Loads a graph. @returns a reference to the resulting tree, for mounts and `readFile` */
  load(definition: pb.Definition.Init): Promise<string>;
  /** Whole files must fit into one message: 4 MiB on 20.10, 16 MiB later. */
  readFile(
    ref: string,
    path: string,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array>;
  /** Runs one process in a container of its own. @returns its exit code */
  exec(options: ContainerExecOptions): Promise<number>;
}

const endMs = 5000;
/** A little more than the release of a container may take. */
const lettingGoMs = 7_000;

/**
 * Opens the gateway for as long as `use` runs: a build of no result, unrecorded, in which sources can be loaded and
 * processes run in containers. Works on every engine. Cancelled, it ends when `use` has: 20.10 keeps the mounts of a container that is not
 * released before its build ends until it is restarted itself, and nobody else can lock or prune them.
 *
 * @returns what `use` returns
 * @throws what `use` throws; BuildKitError cancelled, daemon_gone, solve_failed
 */
export async function runGateway<T>(
  transport: BuildKitTransport,
  options: GatewayOptions,
  use: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const ref = randomBytes(12).toString("hex");
  const over = new AbortController();
  const within = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  const session = await openSession({
    dial: (headers, opening) => transport.openSession(headers, opening),
    services: options.services ?? [],
    ...(options.sharedKey === undefined ? {} : { sharedKey: options.sharedKey }),
    ...(signal === undefined ? {} : { signal }),
  });
  const channel = transport.openChannel();
  try {
    const request = { ref, session: session.id, internal: true };
    const solving = unary(channel.client, Control.methods.Solve, request, { signal: over.signal });
    // Only ends before us when something is wrong.
    const ended = solving.then(() => new Promise<never>(() => {}));
    const bridge = new Bridge(channel.client, ref);
    const gateway: Gateway = {
      sessionId: session.id,
      load: (definition) => bridge.solveDefinition(definition, within),
      readFile: (result, path, range) => bridge.readFile(result, path, within, range),
      exec: (asked) => execInContainer(bridge, asked, within),
    };
    const used = await Promise.race([use(gateway), ended, longAborted(signal, over.signal)]);
    await bridge.finish(undefined, within);
    await Promise.race([solving, sleep(endMs, undefined, { signal: over.signal }).catch(() => {})]);
    return used;
  } catch (error) {
    throw error instanceof Error && !("metadata" in error)
      ? error
      : controlError(error, "The gateway", signal);
  } finally {
    over.abort();
    channel.close();
    await session.close();
  }
}

/** Rejects when the signal has been aborted for a while: whoever uses the gateway does not heed it. */
async function longAborted(signal: AbortSignal | undefined, over: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    if (signal === undefined) return;
    const cancelled = () =>
      reject(new BuildKitError("cancelled", "The gateway was cancelled", { cause: signal.reason }));
    const wait = () => void sleep(lettingGoMs, undefined, { signal: over }).then(cancelled, () => {});
    if (signal.aborted) wait();
    else signal.addEventListener("abort", wait, { once: true, signal: over });
  });
}
