import { usageError } from "../usage-error.js";

const name = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** `NAME=VALUE`, several. The value is not shown in errors: it may be what should have been a secret. Throws `usage`. */
export function parsePairs(pairs: readonly string[], flag?: string): Record<string, string> {
  const before = flag === undefined ? "" : `${flag} `;
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals === -1)
        throw usageError(`${before}${pair}: the value is missing`, "The form is NAME=VALUE.");
      const key = pair.slice(0, equals);
      if (!name.test(key))
        throw usageError(
          `${before}${key}: not the name of a variable`,
          "Letters, digits and _, without a digit first.",
        );
      return [key, pair.slice(equals + 1)];
    }),
  );
}
