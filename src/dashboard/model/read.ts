// Events come from agents and daemons by way of the server: whatever a field holds, what is read here has the type that it says.

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const textOrNull = (value: unknown): string | null =>
  typeof value === "string" && value !== "" ? value : null;
export const count = (value: unknown): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.max(0, value) : 0;
export const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
export const fields = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

/** Milliseconds since 1970; undefined for what is no time. */
export function time(value: unknown): number | undefined {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}
