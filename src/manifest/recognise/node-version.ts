/** Lines of Node that have official images and are looked after, the preferred one first. */
const majors = [22, 24, 20, 18];

/**
 * The major version for an image: what a version file pins, else the preferred one of those that `engines.node` takes.
 *
 * @param pinned text of .nvmrc or .node-version
 */
export function nodeVersion(pinned: string | undefined, engines: unknown): number {
  const exact = /^v?(\d{1,3})(?:\.|\s|$)/.exec(pinned?.trim() ?? "")?.[1];
  if (exact !== undefined) return Number(exact);
  const [preferred = 22] = majors;
  if (typeof engines !== "string" || engines.trim() === "") return preferred;
  return majors.find((major) => takes(engines, major)) ?? highestNamed(engines) ?? preferred;
}

/** Whether a range takes some version of a line; as far as majors tell. */
function takes(range: string, major: number): boolean {
  return range.split("||").some((alternative) => {
    const parts = [...alternative.matchAll(/(>=|<=|>|<|\^|~|=)?\s*v?(\d+|\*|x)((?:\.(?:\d+|\*|x))*)/g)];
    return parts.every(([, operator = "", number = "", rest = ""]) => {
      if (number === "*" || number === "x") return true;
      const named = Number(number);
      if (operator === ">=") return major >= named;
      if (operator === ">") return rest === "" ? major > named : major >= named;
      if (operator === "<=") return major <= named;
      if (operator === "<") return /[1-9]/.test(rest) ? major <= named : major < named;
      return major === named;
    });
  });
}

function highestNamed(range: string): number | undefined {
  const named = [...range.matchAll(/(?:^|[\s^~=>v])(\d{1,2})(?:\.|\s|$)/g)].map(([, number]) =>
    Number(number),
  );
  return named.length === 0 ? undefined : Math.max(...named);
}
