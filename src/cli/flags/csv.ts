import { usageError } from "../usage-error.js";

/**
 * The comma-separated fields of a flag's value. A field in double quotes may hold commas; a doubled quote inside stands
 * for one (RFC 4180), as in `type=local,"dest=a,b"`.
 */
export function csvFields(value: string, flag: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    let field = "";
    if (value[at] === '"') {
      at += 1;
      for (;;) {
        const end = value.indexOf('"', at);
        if (end < 0) throw usageError(`${flag}: a quote is not closed`);
        field += value.slice(at, end);
        at = end + 1;
        if (value[at] !== '"') break;
        field += '"';
        at += 1;
      }
      if (at < value.length && value[at] !== ",") throw usageError(`${flag}: text after a closing quote`);
    } else {
      const end = value.indexOf(",", at);
      field = value.slice(at, end < 0 ? undefined : end);
      at = end < 0 ? value.length : end;
    }
    fields.push(field);
    if (at >= value.length) return fields;
    at += 1;
  }
}

/** `key=value` fields by lower-case key, in order; a field without `=` is an error. */
export function csvPairs(value: string, flag: string): [string, string][] {
  return csvFields(value, flag).map((field) => {
    const equals = field.indexOf("=");
    // The field itself is not repeated: somebody may have put a secret there.
    if (equals < 0) throw usageError(`${flag}: a field is not of the form key=value`);
    return [field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1)];
  });
}
