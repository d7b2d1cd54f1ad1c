import { BuildKitError, type EngineFeatures, requireCacheSupport } from "../buildkit/index.js";
import type { BuildRequest } from "./request.js";

/**
 * Refuses what this engine cannot do before anything is sent to it, with a sentence that names what would: a build that
 * would fail after minutes, or an option that would be ignored without a word. (Outputs are refused where they are resolved.)
 *
 * @throws BuildKitError engine_unsupported
 */
export function requireSupport(request: BuildRequest, engine: EngineFeatures): void {
  const named = Object.keys(request.namedContexts)[0];
  const attested = Object.entries(request.attestations).find(([, parameters]) => parameters !== null)?.[0];
  refuseUnless(
    named === undefined || engine.namedContexts,
    `--build-context ${named}`,
    engine.reasons.namedContexts,
  );
  refuseUnless(
    request.platforms.length < 2 || engine.multiPlatform,
    "several platforms",
    engine.reasons.multiPlatform,
  );
  refuseUnless(attested === undefined || engine.attestations, `--${attested}`, engine.reasons.attestations);
  refuseUnless(
    !namesSubdirectory(request.context) || engine.gitSubdirectory,
    "a directory of a git URL",
    engine.reasons.gitSubdirectory &&
      `${engine.reasons.gitSubdirectory}; or clone it and build CLONE#REF:SUBDIR`,
  );
  refuseUnless(
    request.cgroupParent === undefined || engine.cgroupParent,
    "--cgroup-parent",
    engine.reasons.cgroupParent,
  );
  refuseUnless(
    request.call === undefined || engine.subrequests.includes(request.call),
    `--call ${request.call}`,
    engine.reasons.subrequests,
  );
  refuseUnless(
    engine.localCacheImport || !request.cacheFrom.some(({ type }) => type === "local"),
    "--cache-from type=local",
    engine.reasons.localCacheImport,
  );
  requireCacheSupport(request.cacheTo, request.cacheFrom, engine);
}

/** `#REF:SUBDIR` behind a git URL; what is in front of the `#` is BuildKit's to judge. */
function namesSubdirectory(context: BuildRequest["context"]): boolean {
  return context.kind === "remote" && /#[^:]*:./.test(context.url);
}

function refuseUnless(possible: boolean, wanted: string, reason: string | undefined): void {
  if (possible) return;
  throw new BuildKitError("engine_unsupported", `This engine cannot serve ${wanted}.`, {
    hint: reason && `${reason}.`,
  });
}
