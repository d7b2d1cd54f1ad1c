import { type moby, pb } from "../../../proto/index.js";
import type { CacheEntry, SolveOptions } from "./types.js";

type SolveRequest = moby.buildkit.v1.SolveRequest.Init;

/**
 * The frontend's attributes with the cache imports among them: a frontend reads `cache-imports` and ignores
 * SolveRequest.Cache.Imports, without a word. BuildKit's JSON has Go's field names.
 *
 * @param throughGateway the graph is seen before it runs; otherwise host names cannot be given to single steps
 */
export function frontendAttrsOf(options: SolveOptions, throughGateway: boolean): Record<string, string> {
  const attrs = { ...options.frontendAttrs };
  if (options.hostNames && !throughGateway)
    attrs["build-arg:BUILDKIT_SANDBOX_HOSTNAME"] = options.hostNames.otherwise;
  const imports = options.cacheImports ?? [];
  if (imports.length > 0) {
    attrs["cache-imports"] = JSON.stringify(imports.map(({ type, attrs }) => ({ Type: type, Attrs: attrs })));
  }
  return attrs;
}

/**
 * The request of Control.Solve.
 *
 * @param throughGateway the frontend is left out and asked through LLBBridge instead. Its attributes stay: the daemon reads
 *   the attestations and the record for its history from them
 */
export function solveRequest(
  options: SolveOptions,
  ref: string,
  session: string,
  attrs: Readonly<Record<string, string>>,
  throughGateway: boolean,
): SolveRequest {
  const exports = (options.exports ?? []).map(({ type, attrs }) => ({ type, attrs }));
  const [first] = exports;
  return {
    ref,
    session,
    ...(options.definition === undefined ? {} : { definition: pb.Definition.decode(options.definition) }),
    ...(throughGateway || options.frontend === null ? {} : { frontend: options.frontend ?? "dockerfile.v0" }),
    frontendAttrs: attrs,
    exporters: exports,
    // Engines before 26 know one exporter and read these; later ones read `exporters` when it is not empty.
    ...(first === undefined ? {} : { exporterDeprecated: first.type, exporterAttrsDeprecated: first.attrs }),
    cache: {
      exports: (options.cacheExports ?? []).map(wireCache),
      imports: (options.cacheImports ?? []).map(wireCache),
    },
    entitlements: [...(options.entitlements ?? [])],
    ...(options.internal ? { internal: true } : {}),
  };
}

function wireCache({ type, attrs }: CacheEntry) {
  return { type, attrs };
}
