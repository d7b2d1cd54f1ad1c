import { createUser, fromPublic, fromSeed } from "@nats-io/jwt";
import { isUserKey } from "./claims.js";

/** The key pair that an agent makes for itself. `seed` never leaves it. */
export interface AgentKey {
  /** `U…`, 56 characters. */
  readonly publicKey: string;
  /** `SU…`, 58 characters; secret. */
  readonly seed: string;
}

export function createAgentKey(): AgentKey {
  const pair = createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

/** Ed25519 over the UTF-8 of `text`, base64url. */
export const signAsAgent = (seed: string, text: string): string =>
  Buffer.from(fromSeed(Buffer.from(seed)).sign(Buffer.from(text))).toString("base64url");

/** False for whatever is not a signature of `text` by that key, also when key or signature are malformed. */
export function verifyAgentSignature(publicKey: string, text: string, signature: string): boolean {
  const bytes = Buffer.from(signature, "base64url");
  if (!isUserKey(publicKey) || bytes.length !== 64) return false;
  return fromPublic(publicKey).verify(Buffer.from(text), bytes);
}
