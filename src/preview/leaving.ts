import { type Docker, ensureVolume, findVolumes, removeVolume } from "../docker/index.js";
import { environmentLabels, labelKeys, networkName, type Owner, ownerLabels } from "./labels.js";

// A deployment that has only taken services away makes no container: nothing would tell that it serves and what it has left behind, should the
// agent be killed before that is gone. Labels of containers cannot be changed; so it is written down as the labels of a volume.

const nameOf = (environment: string): string => `${networkName(environment)}-leaving`;

/** Writes down which containers (ids) go, as what serves does without them. */
export async function noteLeaving(
  docker: Docker,
  owner: Owner,
  containers: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const labels = {
    ...ownerLabels(owner),
    [labelKeys.role]: "leaving",
    [labelKeys.leaving]: containers.join(","),
  };
  await ensureVolume(docker, nameOf(owner.environment), labels, signal);
}

/** Ids of the containers that were to go. */
export async function findLeaving(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const labels = { ...environmentLabels(owner), [labelKeys.role]: "leaving" };
  const found = await findVolumes(docker, labels, signal);
  return new Set(found.flatMap(({ labels: of }) => (of[labelKeys.leaving] ?? "").split(",")));
}

/** Environments of an agent in which containers were to go. */
export async function environmentsLeaving(
  docker: Docker,
  agent: string,
  signal: AbortSignal,
): Promise<string[]> {
  const labels = { [labelKeys.agent]: agent, [labelKeys.role]: "leaving" };
  const found = await findVolumes(docker, labels, signal);
  return found.map(({ labels: of }) => of[labelKeys.environment] ?? "");
}

/** They are gone, or the next deployment decides about them anew. */
export async function forgetLeaving(
  docker: Docker,
  { environment }: Pick<Owner, "environment">,
  signal: AbortSignal,
): Promise<void> {
  await removeVolume(docker, nameOf(environment), signal);
}
