import { createHash } from "node:crypto";
import { pb } from "../../../proto/index.js";

/** A definition's ops after some were changed. */
export interface ChangedOps {
  readonly ops: readonly Uint8Array[];
  /** New digests by old ones: of what was changed, and of everything that stands on it. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Changes ops of a definition. What neither is changed nor stands on something that is stays as it was, byte by byte. */
export function changeOps(
  def: readonly Uint8Array[],
  change: (op: pb.Op, digest: string) => Partial<pb.Op> | undefined,
): ChangedOps {
  const renamed = new Map<string, string>();
  // Inputs stand before those that use them.
  const ops = def.map((bytes) => {
    const op = pb.Op.decode(bytes);
    const digest = digestOf(bytes);
    const changed = change(op, digest);
    if (changed === undefined && op.inputs.every((input) => !renamed.has(input.digest))) return bytes;
    const inputs = op.inputs.map((input) => ({
      ...input,
      digest: renamed.get(input.digest) ?? input.digest,
    }));
    const written = writeOp({ ...op, ...changed, inputs });
    renamed.set(digest, digestOf(written));
    return written;
  });
  return { ops, renamed };
}

/**
 * BuildKit from 0.12 on writes each op anew as it loads it, and takes the digest of that: what is written here must be what Go would write,
 * which puts fields of a oneof behind all others.
 */
function writeOp({ inputs, platform, constraints, ...what }: pb.Op.Init): Uint8Array {
  const others = pb.Op.encode({ inputs, platform, constraints }).finish();
  return Buffer.concat([others, pb.Op.encode({ inputs: [], ...what }).finish()]);
}

/** The name of an op: the digest of exactly these bytes. */
export function digestOf(op: Uint8Array): string {
  return `sha256:${createHash("sha256").update(op).digest("hex")}`;
}
