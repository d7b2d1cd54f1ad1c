import { BuildKitError } from "../errors.js";

/**
 * Splits an option value such as `type=local,"dest=a,b"` into its fields: one line of comma-separated values, where a
 * field that begins with a quote ends with one and `""` inside stands for a quote. The rules are those of Go's CSV reader
 * for one record, because that is what people's scripts for `docker buildx build` were written against.
 *
 * Throws `option_invalid` for an empty value, a quote inside a bare field, and a quote that is not closed.
 */
export function splitFields(value: string, option: string): string[] {
  const line = value.replace(/\r?\n$/, "");
  if (line === "") throw invalid(option, value, "is empty");
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const field = comma === -1 ? line.slice(at) : line.slice(at, comma);
      if (field.includes('"')) throw invalid(option, value, "has a quote inside an unquoted field");
      fields.push(field);
      if (comma === -1) return fields;
      at = comma + 1;
      continue;
    }
    let field = "";
    at += 1;
    for (;;) {
      const quote = line.indexOf('"', at);
      if (quote === -1) throw invalid(option, value, "has a quote that is never closed");
      field += line.slice(at, quote);
      at = quote + 1;
      if (line[at] !== '"') break;
      field += '"';
      at += 1;
    }
    fields.push(field);
    if (at === line.length) return fields;
    if (line[at] !== ",") throw invalid(option, value, "has text after a closing quote");
    at += 1;
  }
}

/** `key=value` with the key in lower case; undefined where there is no `=`. */
export function splitPair(field: string): { readonly key: string; readonly value: string } | undefined {
  const equals = field.indexOf("=");
  if (equals === -1) return undefined;
  return { key: field.slice(0, equals).trim().toLowerCase(), value: field.slice(equals + 1) };
}

/** Go's `strconv.ParseBool`; undefined for anything else. */
export function parseBool(value: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(value)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(value)) return false;
  return undefined;
}

function invalid(option: string, value: string, what: string): BuildKitError {
  return new BuildKitError("option_invalid", `The value ${JSON.stringify(value)} of ${option} ${what}.`, {
    hint: `Write comma-separated key=value pairs; quote a whole pair that holds a comma: '"dest=a,b"'.`,
  });
}
