// JSON.stringify escapes C0 controls alone; of the others a terminal could make something, too.
const unsafe = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** JSON that does nothing to a terminal, whoever has written what is in it. */
export const safeJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(
    unsafe,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
