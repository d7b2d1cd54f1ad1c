import type { pb } from "../../../proto/index.js";
import type { ContextTree } from "../fsutil/tree.js";
import type { SolveStatus } from "../progress/types.js";

/** What the Dockerfile frontend calls the build's context, whatever it is asked for (BuildKit frontend/dockerui, `contextLocalName`). */
const plainName = "context";
const scheme = "local://";

type Source = Pick<pb.SourceOp, "identifier" | "attrs">;

/** The name under which a source is asked for that is the build's context; undefined for any other source. */
export function contextNameOf(source: Source | null): string | undefined {
  // The frontend gives it this hint, and no other: that of the ignore file has a longer one.
  const isContext =
    source?.identifier.startsWith(scheme) && source.attrs["local.sharedkeyhint"] === plainName;
  return isContext ? source?.identifier.slice(scheme.length) : undefined;
}

/** The build's context as a source of another name; undefined for any other source. */
export function renamedContext<T extends Source>(
  source: T | null,
  contextName: string | undefined,
): T | undefined {
  if (source === null || contextName === undefined || contextNameOf(source) === undefined) return undefined;
  return { ...source, identifier: `${scheme}${contextName}` };
}

/** The same for comparison with that of another build: its name is nothing that steps are made of. */
export const plainContext = <T extends Source>(source: T): T => renamedContext(source, plainName) ?? source;

/** The trees with the context under its other name, too: the frontend reads the ignore file under the plain one. */
export function treesServed(
  trees: Readonly<Record<string, ContextTree>>,
  contextName: string | undefined,
): Readonly<Record<string, ContextTree>> {
  const { [plainName]: context } = trees;
  return contextName === undefined || context === undefined ? trees : { ...trees, [contextName]: context };
}

/** What is told of a transfer has the name in it, which says nothing to whoever follows the build. */
export function withPlainName(status: SolveStatus, contextName: string | undefined): SolveStatus {
  if (contextName === undefined || status.statuses.length === 0) return status;
  const told = `transferring ${contextName}:`;
  const plain = `transferring ${plainName}:`;
  const statuses = status.statuses.map((one) =>
    one.id === told ? { ...one, id: plain, ...(one.name === told ? { name: plain } : {}) } : one,
  );
  return { ...status, statuses };
}
