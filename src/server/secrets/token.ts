import { createHash, randomBytes } from "node:crypto";

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `<prefix>` and 43 characters of base62: 256 bits. */
export function newToken(prefix: string): string {
  let number = BigInt(`0x${randomBytes(32).toString("hex")}`);
  let text = "";
  for (let n = 0; n < 43; n++) {
    text = base62[Number(number % 62n)] + text;
    number /= 62n;
  }
  return prefix + text;
}

/** What is kept of a token. It was drawn at random, so that nothing slower than one SHA-256 is called for. */
export const tokenHash = (token: string): string => createHash("sha256").update(token).digest("hex");
