export interface PreviewFacts {
  /** Of the public services, by name. */
  readonly addresses: ReadonlyMap<string, { readonly host: string; readonly url: string }>;
  /** Null for the preview of a branch or a tag. */
  readonly pullRequest: number | null;
  /** Full id. */
  readonly commit: string;
  /** `pr-7` */
  readonly environment: string;
  readonly project: string;
}

/**
 * The variables that every preview has. A service stands in names with `_` for `-`, as it is or in upper case:
 * `GALLEY_PREVIEW_URL_admin_ui`, `GALLEY_PREVIEW_URL_ADMIN_UI`.
 */
export function previewVariables(facts: PreviewFacts): Record<string, string> {
  const { addresses, pullRequest, commit, environment, project } = facts;
  const variables: Record<string, string> = {
    GALLEY_ENVIRONMENT: environment,
    GALLEY_PROJECT: project,
    GALLEY_COMMIT: commit,
    GALLEY_PR_NUMBER: pullRequest === null ? "" : String(pullRequest),
  };
  for (const [service, { host, url }] of addresses) {
    const name = service.replaceAll("-", "_");
    for (const written of [name, name.toUpperCase()]) {
      variables[`GALLEY_PREVIEW_HOST_${written}`] = host;
      variables[`GALLEY_PREVIEW_URL_${written}`] = url;
    }
  }
  return variables;
}
