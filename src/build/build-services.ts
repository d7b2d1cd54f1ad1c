import pLimit from "p-limit";
import type { BuildKitClient } from "../buildkit/index.js";
import { type BuildImageOptions, type BuiltImage, buildImage } from "./build-image.js";
import type { BuildRequest } from "./request.js";

export interface ServiceBuildRequest {
  readonly service: string;
  readonly request: BuildRequest;
}

export interface BuildServicesOptions
  extends Omit<BuildImageOptions, "onStatus" | "onSourceMap" | "onWarning" | "signal"> {
  readonly signal: AbortSignal;
  /** Builds at once (GALLEY_MAX_PARALLEL_BUILDS). Default 4. */
  readonly parallel?: number;
  /** What each build says, by service. */
  readonly progress: (service: string) => Pick<BuildImageOptions, "onStatus" | "onSourceMap" | "onWarning">;
  readonly onBuilt?: (service: string, built: BuiltImage) => void;
  readonly onFailed?: (service: string, error: unknown) => void;
}

/**
 * Builds services side by side. The first failure cancels the others: what they would make is not wanted any more. Rejects with
 * that failure when all have ended, so that nothing is running behind the caller's back.
 */
export async function buildServices(
  client: BuildKitClient,
  requests: readonly ServiceBuildRequest[],
  options: BuildServicesOptions,
): Promise<ReadonlyMap<string, BuiltImage>> {
  const limit = pLimit(options.parallel ?? 4);
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const images = new Map<string, BuiltImage>();
  let first: { error: unknown } | undefined;
  await Promise.all(
    requests.map(({ service, request }) =>
      limit(async () => {
        if (signal.aborted) return;
        try {
          const built = await buildImage(client, request, {
            ...options,
            ...options.progress(service),
            signal,
          });
          images.set(service, built);
          options.onBuilt?.(service, built);
        } catch (error) {
          first ??= { error };
          failed.abort(error);
          options.onFailed?.(service, error);
        }
      }),
    ),
  );
  if (first) throw first.error;
  options.signal.throwIfAborted();
  return images;
}
