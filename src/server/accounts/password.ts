import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";
import pLimit from "p-limit";

/** 32 MiB and some 100 ms of one core; one of the settings that OWASP's page on storing passwords gives as equal. */
const defaultCost = 2 ** 15;
const saltLength = 16;
const keyLength = 32;

export interface Passwords {
  /** `scrypt$N$r$p$salt$key`, the last two in base64url. */
  hash(password: string): Promise<string>;
  /** Takes the same time for `undefined`, a user who is not there, as for a wrong password. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

/**
 * Hashes two passwords at a time: more would take the threads that files and names are read with. `N`: scrypt's cost, a power of two,
 * of new hashes; each is checked at its own.
 */
export function createPasswords(N: number = defaultCost): Passwords {
  const cost = { N, r: 8, p: 3 };
  const limit = pLimit(2);
  const derive = (password: string, salt: Buffer, options: ScryptOptions, length: number) =>
    limit(
      () =>
        new Promise<Buffer>((done, fail) => {
          // The same password may be typed in two forms of Unicode.
          scrypt(
            password.normalize("NFKC"),
            salt,
            length,
            { ...options, maxmem: 256 * 1024 * 1024 },
            (error, key) => (error ? fail(error) : done(key)),
          );
        }),
    );
  const text = (salt: Buffer, key: Buffer) =>
    ["scrypt", cost.N, cost.r, cost.p, salt.toString("base64url"), key.toString("base64url")].join("$");
  const nobody = text(randomBytes(saltLength), randomBytes(keyLength));
  return {
    async hash(password) {
      const salt = randomBytes(saltLength);
      return text(salt, await derive(password, salt, cost, keyLength));
    },
    async matches(password, stored) {
      const [scheme, N, r, p, salt, key] = (stored ?? nobody).split("$");
      if (scheme !== "scrypt" || salt === undefined || key === undefined) return false;
      const expected = Buffer.from(key, "base64url");
      const options = { N: Number(N), r: Number(r), p: Number(p) };
      const found = await derive(password, Buffer.from(salt, "base64url"), options, expected.length);
      return timingSafeEqual(found, expected) && stored !== undefined;
    },
  };
}
