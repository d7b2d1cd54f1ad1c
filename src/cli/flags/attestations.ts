import { usageError } from "../usage-error.js";
import { csvPairs } from "./csv.js";

/**
 * `--attest type=provenance,mode=max`, `--provenance[=MODE|true|false]`, `--sbom[=true|false|generator=IMAGE]`: by type, the
 * parameters as the frontend reads them; `null` for one that is switched off.
 */
export function parseAttestations(flags: {
  attest: readonly string[];
  provenance?: string | true;
  sbom?: string | true;
}): Record<string, string | null> {
  const result: Record<string, string | null> = {};
  const all = [...flags.attest];
  if (flags.provenance !== undefined) all.push(shorthand("provenance", flags.provenance));
  if (flags.sbom !== undefined) all.push(shorthand("sbom", flags.sbom));
  for (const value of all) {
    const pairs = csvPairs(value, "--attest");
    const type = pairs.find(([key]) => key === "type")?.[1];
    if (type !== "provenance" && type !== "sbom") {
      throw usageError(
        `--attest ${value}: the type is missing or unknown`,
        "The types are provenance and sbom.",
      );
    }
    if (type in result) throw usageError(`attestation ${type} is given twice`);
    const disabled = pairs.find(([key]) => key === "disabled")?.[1];
    result[type] =
      disabled === "true"
        ? null
        : pairs
            .filter(([key]) => key !== "type" && key !== "disabled")
            .map(([key, text]) => (text.includes(",") ? `"${key}=${text}"` : `${key}=${text}`))
            .join(",");
  }
  return result;
}

function shorthand(type: string, value: string | true): string {
  if (value === true || value === "true" || value === "1") return `type=${type}`;
  if (value === "false" || value === "0") return `type=${type},disabled=true`;
  if (type === "provenance" && (value === "min" || value === "max")) return `type=provenance,mode=${value}`;
  return `type=${type},${value}`;
}
