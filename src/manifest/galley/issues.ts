import type { z } from "zod";
import { type Findings, suggestion } from "../text/findings.js";
import { keyPlace, type Located, placeAt, shown, valueAt } from "../text/located.js";
import { keysAt } from "./json-schema.js";

type Issue = z.core.$ZodIssue;

/** What zod found, with the places of the file, what was found there and what is accepted. */
export function tellIssues(issues: readonly Issue[], root: Located, findings: Findings): void {
  for (const issue of issues) tellIssue(issue, [], root, findings);
}

function tellIssue(issue: Issue, above: readonly PropertyKey[], root: Located, findings: Findings): void {
  const path = [...above, ...issue.path];
  const name = path.length === 0 ? "" : `${path.map(String).join(".")}: `;
  const found = valueAt(root, path);
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      const place = keyPlace(found, key) ?? placeAt(root, path);
      findings.problem(
        place,
        `${name}found the key ${key}, which is not known${suggestion(key, keysAt(path))}`,
      );
    }
    return;
  }
  if (issue.code === "invalid_key") {
    const key = String(path.at(-1));
    const place = keyPlace(valueAt(root, path.slice(0, -1)), key) ?? placeAt(root, path);
    const where = path.slice(0, -1).map(String).join(".");
    findings.problem(place, `${where}: found ${key}; accepted: ${issue.issues[0]?.message ?? "a name"}`);
    return;
  }
  const deeper = issue.code === "invalid_union" ? deepest(issue) : undefined;
  if (deeper) {
    for (const inner of deeper) tellIssue(inner, path, root, findings);
    return;
  }
  const missing = found === undefined && path.length > 0;
  if (issue.code === "custom" && issue.params?.sentence === true)
    findings.problem(placeAt(root, path), `${name}${issue.message}`);
  else if (missing) findings.problem(placeAt(root, path), `${name}is missing; accepted: ${issue.message}`);
  else findings.problem(placeAt(root, path), `${name}found ${shown(found)}; accepted: ${issue.message}`);
}

/** Of a union, the form that has the shape of what was found: all that is wrong with it lies below the union. */
function deepest(issue: Extract<Issue, { code: "invalid_union" }>): readonly Issue[] | undefined {
  return issue.errors.find((issues) =>
    issues.every(({ path, code }) => path.length > 0 || code === "unrecognized_keys"),
  );
}
