// The kinds of values that the agent's variables have.
import { z } from "zod";
import { parseReference } from "../docker/index.js";

const units: Readonly<Record<string, number>> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Bytes of `1g`, `512m`, `1.5g`; NaN for anything else. */
export function memoryBytes(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([bkmg]?)$/i.exec(text) ?? [];
  return number === undefined ? Number.NaN : Math.floor(Number(number) * (units[unit.toLowerCase()] ?? 1));
}

/** Docker refuses containers with less. */
export const leastMemory = 6 * 1024 ** 2;

export function url(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** Names below it are no longer than a registry takes. */
const longestRegistryPath = 100;

/** A host, as the names of Docker Hub have none, and at least one part of a path. */
export function isRegistryPath(text: string): boolean {
  try {
    const { registry, repository, tag, digest } = parseReference(text);
    return (
      `${registry}/${repository}` === text &&
      tag === undefined &&
      digest === undefined &&
      text.length <= longestRegistryPath
    );
  } catch {
    return false;
  }
}

export const within = (low: number, high: number) => (value: number) => value >= low && value <= high;
export const size = z
  .string()
  .transform(memoryBytes)
  .refine(within(0, 2 ** 53));
export const whole = z.string().regex(/^\d+$/).transform(Number);
export const boolean = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["true", "false", "1", "0", "yes", "no"]))
  .transform((text) => text === "true" || text === "1" || text === "yes");
