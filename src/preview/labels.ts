/** Whose a container, network or volume is. Nothing without its owner's id in `sh.galley.agent` is ever touched. */
export interface Owner {
  /** Id of the agent. */
  readonly agent: string;
  readonly project: string;
  /** Id of the environment, unique on the engine: networks and containers carry it in their names. */
  readonly environment: string;
}

export const labelKeys = {
  agent: "sh.galley.agent",
  project: "sh.galley.project",
  environment: "sh.galley.environment",
  deployment: "sh.galley.deployment",
  service: "sh.galley.service",
  /** Counts the deployments that an environment has had here. */
  number: "sh.galley.number",
  /** Equal for two containers that need not replace each other. */
  settings: "sh.galley.settings",
  /** What it takes to count as up, and what it needs: for an environment that is woken without its manifest. */
  check: "sh.galley.check",
  /** `true` where two containers of the service would write to one volume: the one before is stopped for the one that comes. */
  alone: "sh.galley.alone",
  /** On the volume of the role `leaving`: ids of containers, with commas between them. */
  leaving: "sh.galley.leaving",
  /**
   * `service`; `hook` and `probe` for what only lives for a moment; `created` on the volume that says that a service's first hooks have
   * run; `leaving` on the one that says which containers go; on containers that are nobody's preview: `proxy`, `firewall`.
   */
  role: "sh.galley.role",
} as const;

/** On everything that is made for an environment. */
export function ownerLabels({ agent, project, environment }: Owner): Record<string, string> {
  return {
    [labelKeys.agent]: agent,
    [labelKeys.project]: project,
    [labelKeys.environment]: environment,
  };
}

/** The labels by which everything of an environment is found again. */
export function environmentLabels({
  agent,
  environment,
}: Pick<Owner, "agent" | "environment">): Record<string, string> {
  return { [labelKeys.agent]: agent, [labelKeys.environment]: environment };
}

/** The environment's network, and what the names of its containers and volumes begin with. */
export function networkName(environment: string): string {
  return `galley-pv-${environment}`;
}
