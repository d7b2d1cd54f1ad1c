import { createSecretKey, type KeyObject } from "node:crypto";

/** A master key from its text: hexadecimal, else base64 or base64url, of at least 32 bytes. Undefined for anything else. */
export function masterKeyText(text: string): KeyObject | undefined {
  const bytes = decode(text.trim());
  return bytes && bytes.length >= 32 ? createSecretKey(bytes) : undefined;
}

function decode(text: string): Buffer | undefined {
  if (/^([0-9a-f]{2})+$/i.test(text)) return Buffer.from(text, "hex");
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return Buffer.from(text, "base64");
  return undefined;
}
