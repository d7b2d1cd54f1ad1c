import { randomInt } from "node:crypto";

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

/**
 * A new id: the prefix (three letters, such as `prj`) and 16 random characters of `[0-9a-z]`, some 82 bits. Safe as a token of a
 * subject, a label's value and a file's name.
 */
export function newId(prefix: string): string {
  let id = prefix;
  for (let n = 0; n < 16; n++) id += alphabet[randomInt(alphabet.length)];
  return id;
}
