/** Whose a container or network is. Nothing without its owner's id in `sh.galley.agent` is ever touched. */
export interface Owner {
  readonly agent: string;
  readonly project: string;
  readonly environment: string;
}

/** The labels by which everything of an environment is found again. */
export function ownerLabels({ agent, project, environment }: Owner): Record<string, string> {
  return { "sh.galley.agent": agent, "sh.galley.project": project, "sh.galley.environment": environment };
}
