import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from "node:crypto";
import { GalleyError } from "../../errors/index.js";
import type { Binding } from "./bindings.js";

/**
 * Seals and opens values by envelope encryption: each has a data key of its own, drawn at random, and the master key only wraps data
 * keys. Both are AES-256-GCM with the binding authenticated.
 */
export interface Vault {
  /** Names the master key without telling anything of it. */
  readonly keyId: string;
  /** `v1.<key id>.<wrapped data key>.<value>`, both parts nonce, tag and ciphertext in base64url. */
  seal(binding: Binding, value: string): string;
  /** Throws `internal` for a value that is damaged, belongs elsewhere, or was sealed under another key. */
  open(binding: Binding, sealed: string): string;
  /** The same value under this vault's key instead of `previous`'s. Only its data key is wrapped anew. */
  take(previous: Vault, binding: Binding, sealed: string): string;
}

interface OpenVault extends Vault {
  unwrap(binding: Binding, sealed: string): Buffer;
}

const nonceLength = 12;
const tagLength = 16;

/** `masterKey`: at least 32 bytes; what encrypts is derived from it by HKDF-SHA256, as keys of any length may come. */
export function createVault(masterKey: KeyObject): Vault {
  const derive = (purpose: string, length: number) =>
    Buffer.from(hkdfSync("sha256", masterKey, "", `galley/${purpose}/v1`, length));
  const wrapping = derive("wrap", 32);
  const keyId = derive("key-id", 8).toString("hex");

  const vault: OpenVault = {
    keyId,
    seal(binding, value) {
      const dataKey = randomBytes(32);
      return [
        "v1",
        keyId,
        encrypt(wrapping, associated("key", binding), dataKey),
        encrypt(dataKey, associated("value", binding), Buffer.from(value, "utf8")),
      ].join(".");
    },
    unwrap(binding, sealed) {
      const [version, sealedBy, wrapped] = sealed.split(".");
      if (version !== "v1" || wrapped === undefined) throw damaged(binding);
      if (sealedBy !== keyId)
        throw new GalleyError(
          "internal",
          `The value of ${binding.join("/")} was sealed under another master key.`,
        );
      return decrypt(wrapping, associated("key", binding), wrapped, binding);
    },
    open(binding, sealed) {
      const dataKey = vault.unwrap(binding, sealed);
      return decrypt(dataKey, associated("value", binding), sealed.split(".")[3] ?? "", binding).toString(
        "utf8",
      );
    },
    take(previous, binding, sealed) {
      const dataKey = (previous as OpenVault).unwrap(binding, sealed);
      const wrapped = encrypt(wrapping, associated("key", binding), dataKey);
      return ["v1", keyId, wrapped, ...sealed.split(".").slice(3)].join(".");
    },
  };
  return vault;
}

const associated = (part: "key" | "value", binding: Binding): Buffer =>
  Buffer.from(JSON.stringify(["galley", part, ...binding]), "utf8");

function encrypt(key: Buffer, aad: Buffer, plain: Buffer): string {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: tagLength }).setAAD(aad);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64url");
}

function decrypt(key: Buffer, aad: Buffer, box: string, binding: Binding): Buffer {
  const bytes = Buffer.from(box, "base64url");
  if (bytes.length < nonceLength + tagLength) throw damaged(binding);
  const nonce = bytes.subarray(0, nonceLength);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagLength })
    .setAAD(aad)
    .setAuthTag(bytes.subarray(nonceLength, nonceLength + tagLength));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceLength + tagLength)), decipher.final()]);
  } catch {
    throw damaged(binding);
  }
}

const damaged = (binding: Binding) =>
  new GalleyError(
    "internal",
    `The value of ${binding.join("/")} cannot be opened: it is damaged or belongs elsewhere.`,
    {
      hint: "Set that value again.",
    },
  );
