import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import type { RegistryCredentials } from "./docker-config.js";

/** What goes before a 32-byte seed to make an ed25519 private key of it (PKCS #8, RFC 8410 §7). */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * The key by which the daemon knows that two sessions may share a registry's token: the same client with the same
 * credentials makes the same key from the daemon's salt. The client's own seed keeps the daemon, which chooses the salt, from
 * learning anything of the secret. Anonymous clients all have the same key: what they see is public.
 */
export function authorityKey(
  seed: Uint8Array,
  salt: Uint8Array,
  host: string,
  credentials: RegistryCredentials,
): KeyObject {
  const mac = createHmac("sha256", salt);
  if (credentials.kind !== "anonymous") {
    const secret =
      credentials.kind === "password" ? [credentials.username, credentials.password] : [credentials.token];
    mac.update(
      createHmac("sha256", seed)
        .update(JSON.stringify([host, credentials.kind, ...secret]))
        .digest(),
    );
  }
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, mac.digest()]), format: "der", type: "pkcs8" });
}

/** The 32 bytes of the public half. */
export function publicBytes(key: KeyObject): Buffer {
  return Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");
}

/** NaCl's signed message: the signature, then what was signed. */
export function signedMessage(key: KeyObject, payload: Uint8Array): Buffer {
  return Buffer.concat([sign(null, payload, key), payload]);
}
