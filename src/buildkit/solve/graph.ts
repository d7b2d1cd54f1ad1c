import { pb } from "../../../proto/index.js";
import type { FrontendResult } from "../gateway/index.js";
import { changeOps, digestOf } from "./changed-steps.js";
import { contextNameOf, plainContext } from "./context-name.js";

/** What a build is made of, as its frontend has put it together, before anything of it runs. */
export interface BuildGraph {
  /** Inputs before those that use them. */
  readonly steps: readonly GraphStep[];
  /** The graph that ends with one output of a step, to be loaded by a gateway. */
  part(step: GraphInput): pb.Definition.Init;
  /** All of it, to be solved once more. Undefined where it ends in several results (platforms). */
  readonly again: SolvedAgain | undefined;
}

/** A graph for a solve without a frontend, with another session: its local sources are those of whoever solves it. */
export interface SolvedAgain {
  /** For `SolveOptions.definition`. */
  readonly definition: Uint8Array;
  /** Digests of its `exec` steps. */
  readonly runs: ReadonlySet<string>;
  /** Names under which the build's context is asked for. */
  readonly contexts: readonly string[];
}

export interface GraphInput {
  readonly digest: string;
  readonly index: number;
}

export interface GraphStep {
  /** That of Status and of the source map. */
  readonly digest: string;
  readonly name: string;
  readonly kind: "exec" | "file" | "source" | "other";
  readonly inputs: readonly GraphInput[];
  /** Digest of what the step does, without its inputs and without what names one session: equal steps of two builds have equal ones. */
  readonly own: string;
  /** Words of the command of an `exec`. */
  readonly args: readonly string[];
  /** What lies beneath the root of an `exec`. */
  readonly root: GraphInput | undefined;
  readonly caches: readonly CacheMountUse[];
  /** An `exec` that is given secrets or a key agent, whose values are no part of what BuildKit knows it by. */
  readonly confidential: boolean;
  /** `docker-image://…`, `local://…` of a `source`. */
  readonly source: string | undefined;
  /** The name under which a `source` that is the build's context is asked for. */
  readonly context: string | undefined;
  /** Paths that a `file` step copies, by the input they are taken from. */
  readonly copies: readonly { readonly from: string; readonly path: string }[];
}

/** A cache mount of a step. BuildKit keeps it under its id and, where there is one, what it is seeded with. */
export interface CacheMountUse {
  /** With the namespace in front. */
  readonly id: string;
  readonly sharing: "shared" | "private" | "locked";
  readonly dest: string;
  readonly seed: (GraphInput & { readonly selector: string }) | undefined;
}

const sharings = {
  [pb.CacheSharingOpt.SHARED]: "shared",
  [pb.CacheSharingOpt.PRIVATE]: "private",
  [pb.CacheSharingOpt.LOCKED]: "locked",
} as const;

interface Known {
  readonly op: pb.Op;
  readonly bytes: Uint8Array;
}

/** The graph of a frontend's result (of all platforms); undefined for an empty one. */
export function graphOf(result: FrontendResult | undefined): BuildGraph | undefined {
  const refs = [result?.ref, ...Object.values(result?.refs?.refs ?? {})];
  const definitions = refs.flatMap((ref) => (ref?.def ? [ref.def] : []));
  if (definitions.length === 0) return undefined;
  const known = new Map<string, Known>();
  const names = new Map<string, string>();
  for (const { def, metadata } of definitions) {
    for (const bytes of def) known.set(digestOf(bytes), { bytes, op: pb.Op.decode(bytes) });
    for (const [digest, { description }] of Object.entries(metadata))
      names.set(digest, description["llb.customname"] ?? "");
  }
  const steps: GraphStep[] = [];
  for (const [digest, { op }] of known) {
    const { exec, file, source } = op;
    // The last one of a definition only says which result is meant.
    if (!exec && !file && !source && !op.build && !op.merge && !op.diff && !op.passthrough) continue;
    steps.push(stepOf(digest, op, names.get(digest) ?? ""));
  }
  const part = (step: GraphInput) => partOf(known, step);
  const [only, ...more] = definitions;
  return { steps, part, again: only && more.length === 0 ? withoutSession(only) : undefined };
}

/** The result of a local source is known by the session that it came with, and only another one makes the engine look at its files. */
function withoutSession({ def }: pb.Definition): SolvedAgain {
  const { ops } = changeOps(def, ({ source }) => {
    const { "local.session": session, ...attrs } = source?.attrs ?? {};
    return session === undefined || source === null ? undefined : { source: { ...source, attrs } };
  });
  const runs = new Set(ops.filter((op) => pb.Op.decode(op).exec !== null).map(digestOf));
  const contexts = ops.flatMap((op) => contextNameOf(pb.Op.decode(op).source) ?? []);
  const metadata = Object.fromEntries(ops.map((op) => [digestOf(op), {}]));
  return { definition: pb.Definition.encode({ def: [...ops], metadata }).finish(), runs, contexts };
}

/** @param name of its metadata; empty for none */
export function stepOf(digest: string, op: pb.Op, name: string): GraphStep {
  const { exec, file, source } = op;
  const inputs = op.inputs.map((input) => ({ digest: input.digest, index: Number(input.index) }));
  const mounts = exec?.mounts ?? [];
  const root = mounts.find(({ dest }) => dest === "/");
  return {
    digest,
    name: name !== "" ? name : (source?.identifier ?? exec?.meta?.args.join(" ") ?? ""),
    kind: exec ? "exec" : file ? "file" : source ? "source" : "other",
    inputs,
    own: ownDigest(op),
    args: exec?.meta?.args ?? [],
    root: root && inputs[Number(root.input)],
    caches: mounts.flatMap((mount) => {
      if (mount.mountType !== pb.MountType.CACHE || mount.cacheOpt === null) return [];
      const { id, sharing } = mount.cacheOpt;
      const seed = inputs[Number(mount.input)];
      return [
        {
          id,
          sharing: sharings[sharing],
          dest: mount.dest,
          seed: seed && { ...seed, selector: mount.selector },
        },
      ];
    }),
    confidential:
      mounts.some(({ mountType }) => mountType === pb.MountType.SECRET || mountType === pb.MountType.SSH) ||
      (exec?.secretEnv.length ?? 0) > 0,
    source: source?.identifier,
    context: contextNameOf(source),
    copies: (file?.actions ?? []).flatMap((action) => {
      const from = inputs[Number(action.secondaryInput)];
      return action.copy === null || from === undefined ? [] : [{ from: from.digest, path: action.copy.src }];
    }),
  };
}

/** What names a session, or the solve it was made for. */
const passing = ["local.session", "local.unique", "local.sharedkeyhint"];

function ownDigest(op: pb.Op): string {
  const source = op.source && plainContext(op.source);
  const attrs = Object.entries(source?.attrs ?? {}).filter(([name]) => !passing.includes(name));
  const same = source && { ...source, attrs: Object.fromEntries(attrs.sort(([a], [b]) => (a < b ? -1 : 1))) };
  return digestOf(pb.Op.encode({ ...op, inputs: [], ...(same ? { source: same } : {}) }).finish());
}

function partOf(known: ReadonlyMap<string, Known>, step: GraphInput): pb.Definition.Init {
  const def: Uint8Array[] = [];
  const metadata: Record<string, pb.OpMetadata.Init> = {};
  const seen = new Set<string>();
  const waiting = [step.digest];
  for (let digest = waiting.pop(); digest !== undefined; digest = waiting.pop()) {
    const found = known.get(digest);
    if (found === undefined || seen.has(digest)) continue;
    seen.add(digest);
    def.unshift(found.bytes);
    metadata[digest] = {};
    waiting.push(...found.op.inputs.map((input) => input.digest));
  }
  const terminal = pb.Op.encode({ inputs: [{ digest: step.digest, index: step.index }] }).finish();
  return { def: [...def, terminal], metadata: { ...metadata, [digestOf(terminal)]: {} } };
}
