import type { pb } from "../../../proto/index.js";
import type { FrontendResult } from "../gateway/index.js";
import { changeOps } from "./changed-steps.js";
import { type GraphStep, stepOf } from "./graph.js";

/** Which host name a step runs under; undefined: the one that the frontend has given it. */
export type HostNameOf = (step: GraphStep) => string | undefined;

/**
 * A frontend's result with other host names for some steps, which are part of what BuildKit knows a step by. Its lines and names stay
 * with the steps.
 *
 * @param load makes a result of a definition, without running it
 * @returns what it was where no step gets another name
 */
export async function withHostNames(
  result: FrontendResult | undefined,
  hostNameOf: HostNameOf,
  load: (definition: pb.Definition) => Promise<string>,
): Promise<FrontendResult | undefined> {
  if (!result) return result;
  const renamed = async <T extends { readonly id: string; readonly def: pb.Definition | null }>(ref: T) => {
    const def = ref.def && renameHosts(ref.def, hostNameOf);
    return def ? { ...ref, def, id: await load(def) } : ref;
  };
  if (result.ref) return { ...result, ref: await renamed(result.ref) };
  if (!result.refs) return result;
  const refs = Object.entries(result.refs.refs).map(async ([platform, ref]) => [
    platform,
    await renamed(ref),
  ]);
  return { ...result, refs: { refs: Object.fromEntries(await Promise.all(refs)) } };
}

function renameHosts(definition: pb.Definition, hostNameOf: HostNameOf): pb.Definition | undefined {
  const { metadata, source } = definition;
  const { ops, renamed } = changeOps(definition.def, (op, digest) => {
    const { exec } = op;
    if (!exec?.meta) return undefined;
    const hostname = hostNameOf(stepOf(digest, op, metadata[digest]?.description["llb.customname"] ?? ""));
    if (hostname === undefined || hostname === exec.meta.hostname) return undefined;
    return { exec: { ...exec, meta: { ...exec.meta, hostname } } };
  });
  if (renamed.size === 0) return undefined;
  const moved = <T>(byDigest: Readonly<Record<string, T>>) =>
    Object.fromEntries(
      Object.entries(byDigest).map(([digest, value]) => [renamed.get(digest) ?? digest, value]),
    );
  return {
    def: [...ops],
    metadata: moved(metadata),
    source: source && { ...source, locations: moved(source.locations) },
  };
}
