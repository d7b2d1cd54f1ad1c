import type { ServiceError } from "@grpc/grpc-js";
import { google } from "../../../proto/index.js";
import { isServiceError } from "../control/rpc-error.js";
import { Bridge, type FrontendResult } from "../gateway/index.js";
import type { BuildKitTransport } from "../transport/transport.js";
import { type BuildGraph, graphOf } from "./graph.js";
import { type HostNameOf, withNames } from "./other-names.js";
import { sourceMapOf } from "./source-map.js";
import type { CacheEntry, StepSourceMap } from "./types.js";

const unknownCode = 2;
const unavailable = 14;

/**
 * The bridge's own connection is pinged often: an error with a large Dockerfile in it stops Node's HTTP/2 without an event
 * (see Keepalive), and here there is no other sign of it. A false alarm costs the source map, not the build.
 */
const bridgeKeepalive = { timeMs: 4000, timeoutMs: 6000 } as const;

/**
 * Plays the frontend of a build whose Control.Solve waits for one: asks the real frontend for the graph, tells the lines
 * of its steps, and returns the graph for running, when whoever is told of it has agreed.
 *
 * @returns the frontend's metadata; undefined when the bridge's connection was lost before the frontend answered, and the
 *   build has to be run without it
 * @throws ServiceError of the frontend, after the waiting Solve was told the same
 */
export async function playFrontend(
  transport: BuildKitTransport,
  ref: string,
  frontend: string,
  attrs: Readonly<Record<string, string>>,
  told: {
    readonly onSourceMap: (map: StepSourceMap) => void;
    readonly onGraph?: ((graph: BuildGraph) => Promise<void> | void) | undefined;
    readonly hostNameOf?: HostNameOf | undefined;
    readonly contextName?: string | undefined;
    /** As the frontend has them in its attributes. */
    readonly cacheImports?: readonly CacheEntry[] | undefined;
  },
  signal: AbortSignal,
): Promise<Readonly<Record<string, Uint8Array>> | undefined> {
  const channel = transport.openChannel(bridgeKeepalive);
  try {
    const bridge = new Bridge(channel.client, ref);
    let result: FrontendResult | undefined;
    try {
      result = await bridge.solveFrontend(frontend, attrs, signal);
      result = await withNames(result, told, (definition) =>
        bridge.loadDefinition(definition, told.cacheImports ?? [], signal),
      );
    } catch (error) {
      if (!isServiceError(error) || signal.aborted) throw error;
      if (error.code === unavailable) return undefined;
      // Otherwise the Solve would wait for ever. If this cannot be delivered, its caller cancels it.
      await bridge.fail(statusOf(error), signal).catch(() => {});
      throw error;
    }
    const map = sourceMapOf(result);
    if (map !== undefined) told.onSourceMap(map);
    const graph = told.onGraph && graphOf(result);
    try {
      if (graph !== undefined) await told.onGraph?.(graph);
    } catch (error) {
      // As above: the Solve must not wait for ever.
      await bridge.fail({ code: unknownCode, message: String(error) }, signal).catch(() => {});
      throw error;
    }
    await bridge.finish(result, signal);
    return result?.metadata ?? {};
  } finally {
    channel.close();
  }
}

/** The error as the daemon gave it, details included where it gave any. */
function statusOf(error: ServiceError): google.rpc.Status.Init {
  const [encoded] = error.metadata.get("grpc-status-details-bin");
  if (encoded instanceof Uint8Array) {
    try {
      return google.rpc.Status.decode(encoded);
    } catch {
      // Not what it should be: the plain text is.
    }
  }
  return { code: error.code, message: error.details };
}
