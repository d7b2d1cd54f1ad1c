import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { SshReader, sshMpint, sshString } from "./wire.js";

/** A private key that can sign for an agent. */
export interface SigningKey {
  /** The public key as SSH writes it: what the agent lists, and what a request names the key by. */
  readonly blob: Buffer;
  readonly comment: string;
  /** The whole signature (algorithm and bytes), or `undefined` for flags that ask for what is not supported. */
  sign(content: Buffer, flags: number): Buffer | undefined;
}

/** Why a key file cannot be used. */
export class KeyFormatError extends Error {
  override readonly name = "KeyFormatError";
  readonly reason: "encrypted" | "unsupported" | "malformed";
  constructor(reason: "encrypted" | "unsupported" | "malformed", options?: ErrorOptions) {
    super(`the private key is ${reason}`, options);
    this.reason = reason;
  }
}

const curves: Readonly<Record<string, { jwk: string; hash: string }>> = {
  nistp256: { jwk: "P-256", hash: "sha256" },
  nistp384: { jwk: "P-384", hash: "sha384" },
  nistp521: { jwk: "P-521", hash: "sha512" },
};
/** SIGN_REQUEST flags and what they ask of an RSA key (draft-miller-ssh-agent §5.3). Plain SHA-1 is not offered. */
const rsaAlgorithms: Readonly<Record<number, { name: string; hash: string }>> = {
  2: { name: "rsa-sha2-256", hash: "sha256" },
  4: { name: "rsa-sha2-512", hash: "sha512" },
};

/**
 * Reads a private key file: OpenSSH's own format, or PEM (PKCS#1, PKCS#8, SEC 1); ed25519, RSA, and ECDSA on the NIST
 * curves. Throws `KeyFormatError`, whose texts hold nothing of the key.
 */
export function parsePrivateKey(file: Buffer, fallbackComment: string): SigningKey {
  const text = file.toString("latin1");
  const armour =
    /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(text);
  try {
    if (armour) {
      const { jwk, comment } = readOpenSsh(Buffer.from(armour[1] ?? "", "base64"));
      return signingKey(createPrivateKey({ key: jwk, format: "jwk" }), comment || fallbackComment);
    }
    if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text))
      throw new KeyFormatError("encrypted");
    return signingKey(createPrivateKey(file), fallbackComment);
  } catch (cause) {
    if (cause instanceof KeyFormatError) throw cause;
    throw new KeyFormatError("malformed", { cause });
  }
}

/** The layout is OpenSSH's PROTOCOL.key. */
function readOpenSsh(bytes: Buffer): { jwk: JsonWebKey; comment: string } {
  const reader = new SshReader(bytes);
  if (reader.take(15).toString("latin1") !== "openssh-key-v1\0") throw new KeyFormatError("malformed");
  const cipher = reader.text();
  if (cipher !== "none") throw new KeyFormatError("encrypted");
  reader.string(); // kdf
  reader.string(); // its options
  if (reader.uint32() !== 1) throw new KeyFormatError("unsupported");
  reader.string(); // the public key; the private section has it too
  const secret = new SshReader(reader.string());
  // Two equal numbers tell a passphrase that fits; without a passphrase, a whole file.
  const check = secret.uint32();
  if (secret.uint32() !== check) throw new KeyFormatError("malformed");
  return { jwk: readJwk(secret.text(), secret), comment: secret.text() };
}

function readJwk(type: string, reader: SshReader): JsonWebKey {
  if (type === "ssh-ed25519") {
    const x = reader.string();
    return { kty: "OKP", crv: "Ed25519", x: url(x), d: url(reader.string().subarray(0, 32)) };
  }
  if (type === "ssh-rsa") {
    const [n, e, d, qi, p, q] = [
      reader.mpint(),
      reader.mpint(),
      reader.mpint(),
      reader.mpint(),
      reader.mpint(),
      reader.mpint(),
    ] as const;
    const [dp, dq] = [p, q].map((prime) => unsigned(integer(d) % (integer(prime) - 1n)));
    return {
      kty: "RSA",
      n: url(n),
      e: url(e),
      d: url(d),
      p: url(p),
      q: url(q),
      qi: url(qi),
      dp: url(dp),
      dq: url(dq),
    };
  }
  if (type.startsWith("ecdsa-sha2-")) {
    const curve = curves[reader.text()];
    if (!curve) throw new KeyFormatError("unsupported");
    const point = reader.string();
    const size = (point.length - 1) / 2;
    const d = reader.mpint();
    const padded = Buffer.concat([Buffer.alloc(Math.max(0, size - d.length)), d]);
    const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
    return { kty: "EC", crv: curve.jwk, x: url(x), y: url(y), d: url(padded) };
  }
  throw new KeyFormatError("unsupported");
}

function signingKey(key: KeyObject, comment: string): SigningKey {
  const jwk = createPublicKey(key).export({ format: "jwk" });
  const field = (name: "n" | "e" | "x" | "y") => Buffer.from(jwk[name] ?? "", "base64url");
  if (jwk.kty === "OKP" && jwk.crv === "Ed25519") {
    const type = "ssh-ed25519";
    return {
      blob: Buffer.concat([sshString(type), sshString(field("x"))]),
      comment,
      sign: (content) => Buffer.concat([sshString(type), sshString(sign(null, content, key))]),
    };
  }
  if (jwk.kty === "RSA") {
    return {
      blob: Buffer.concat([sshString("ssh-rsa"), sshMpint(field("e")), sshMpint(field("n"))]),
      comment,
      sign: (content, flags) => {
        const algorithm = rsaAlgorithms[flags];
        if (!algorithm) return undefined;
        return Buffer.concat([sshString(algorithm.name), sshString(sign(algorithm.hash, content, key))]);
      },
    };
  }
  const [curve, { hash } = { hash: "" }] =
    Object.entries(curves).find(([, { jwk: name }]) => name === jwk.crv) ?? [];
  if (jwk.kty !== "EC" || curve === undefined) throw new KeyFormatError("unsupported");
  const type = `ecdsa-sha2-${curve}`;
  const point = Buffer.concat([Buffer.of(4), field("x"), field("y")]);
  return {
    blob: Buffer.concat([sshString(type), sshString(curve), sshString(point)]),
    comment,
    sign: (content) => {
      const pair = sign(hash, content, { key, dsaEncoding: "ieee-p1363" });
      const half = pair.length / 2;
      const numbers = Buffer.concat([sshMpint(pair.subarray(0, half)), sshMpint(pair.subarray(half))]);
      return Buffer.concat([sshString(type), sshString(numbers)]);
    },
  };
}

const url = (bytes: Buffer | undefined): string => (bytes ?? Buffer.alloc(0)).toString("base64url");
const integer = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString("hex") || "0"}`);

function unsigned(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
