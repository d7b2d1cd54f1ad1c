import { createHash } from "node:crypto";

const shape = /^sha256:[0-9a-f]{64}$/;

/** The hexadecimal part of `sha256:<64 hex digits>`; undefined for anything else, so that no other text reaches a path. */
export function digestHex(digest: string): string | undefined {
  return shape.test(digest) ? digest.slice("sha256:".length) : undefined;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
