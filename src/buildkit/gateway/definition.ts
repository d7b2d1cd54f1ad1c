import { createHash } from "node:crypto";
import { pb } from "../../../proto/index.js";

/**
 * The graph of one source and nothing else: `docker-image://...`, `local://DIR-NAME`, `git://...`.
 *
 * @param attrs for `local://` sources at least `local.session`, and `local.sharedkeyhint` so that files are found again
 */
export function sourceDefinition(
  identifier: string,
  attrs: Readonly<Record<string, string>> = {},
): pb.Definition.Init {
  const source = pb.Op.encode({ source: { identifier, attrs } }).finish();
  const digest = digestOf(source);
  // The last op says which result is meant.
  const terminal = pb.Op.encode({ inputs: [{ digest, index: 0 }] }).finish();
  return { def: [source, terminal], metadata: { [digest]: {}, [digestOf(terminal)]: {} } };
}

/** Of exactly these bytes: an op that is encoded again may be another. */
function digestOf(op: Uint8Array): string {
  return `sha256:${createHash("sha256").update(op).digest("hex")}`;
}
