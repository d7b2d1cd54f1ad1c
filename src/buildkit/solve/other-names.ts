import type { pb } from "../../../proto/index.js";
import type { FrontendResult } from "../gateway/index.js";
import { changeOps } from "./changed-steps.js";
import { renamedContext } from "./context-name.js";
import { type GraphStep, stepOf } from "./graph.js";

/** Which host name a step runs under; undefined: the one that the frontend has given it. */
export type HostNameOf = (step: GraphStep) => string | undefined;

export interface OtherNames {
  readonly hostNameOf?: HostNameOf | undefined;
  /** Of the build's context. */
  readonly contextName?: string | undefined;
}

/**
 * A frontend's result with other host names for some steps, which are part of what BuildKit knows a step by, and another one for its context,
 * which is not: what is copied from there is known by its content. Its lines and names stay with the steps.
 *
 * @param load makes a result of a definition, without running it
 * @returns what it was where nothing gets another name
 */
export async function withNames(
  result: FrontendResult | undefined,
  names: OtherNames,
  load: (definition: pb.Definition) => Promise<string>,
): Promise<FrontendResult | undefined> {
  if (!result || (names.hostNameOf === undefined && names.contextName === undefined)) return result;
  const renamed = async <T extends { readonly id: string; readonly def: pb.Definition | null }>(ref: T) => {
    const def = ref.def && rename(ref.def, names);
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

function rename(
  definition: pb.Definition,
  { hostNameOf, contextName }: OtherNames,
): pb.Definition | undefined {
  const { metadata, source } = definition;
  const { ops, renamed } = changeOps(definition.def, (op, digest) => {
    const { exec } = op;
    const source = renamedContext(op.source, contextName);
    if (source) return { source };
    if (!exec?.meta || !hostNameOf) return undefined;
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
