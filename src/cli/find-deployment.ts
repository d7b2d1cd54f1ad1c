import { GalleyError } from "../errors/index.js";
import {
  type Deployment,
  deploymentAnswer,
  type Environment,
  environmentsAnswer,
  environmentWithDeployments,
} from "./api/answers.js";
import type { Api } from "./api/client.js";
import { usageError } from "./usage-error.js";

/** Whether it is a deployment's id; an environment's name has a slash in it. */
export const isDeploymentId = (text: string): boolean => /^dep[a-z0-9]{8,40}$/.test(text);

/** The environment called `PROJECT/NAME`. Throws `usage` for what is no such name, and `not_found`. */
export async function findEnvironment(api: Api, text: string): Promise<Environment> {
  const [project, name, ...more] = text.split("/");
  if (!project || !name || more.length > 0)
    throw usageError(`${text}: not an environment`, "The form is PROJECT/pr-7; `galley env ls` lists them.");
  const query = `?project=${encodeURIComponent(project)}`;
  const { environments } = await api.get(`/environments${query}`, environmentsAnswer);
  const found = environments.find((each) => each.name === name);
  if (found) return found;
  throw new GalleyError(
    "not_found",
    `The project ${JSON.stringify(project)} has no environment ${JSON.stringify(name)}.`,
    {
      hint: "`galley env ls` lists those that there are.",
    },
  );
}

export const readEnvironment = async (api: Api, text: string) =>
  api.get(`/environments/${(await findEnvironment(api, text)).id}`, environmentWithDeployments);

export const readDeployment = (api: Api, id: string): Promise<Deployment> =>
  api.get(`/deployments/${encodeURIComponent(id)}`, deploymentAnswer);

/** The deployment that is meant: by its id, or the newest of an environment, of those that `which` accepts. */
export async function findDeployment(
  api: Api,
  text: string,
  which: { accepts: (deployment: Deployment) => boolean; orElse: string } = {
    accepts: () => true,
    orElse: "has no deployment",
  },
): Promise<Deployment> {
  if (isDeploymentId(text)) return readDeployment(api, text);
  const { deployments } = await readEnvironment(api, text);
  const found = deployments.find(which.accepts);
  if (!found) throw new GalleyError("not_found", `${text} ${which.orElse}.`);
  return found;
}
