import { GalleyError } from "../errors/index.js";
import { type Agent, agentsAnswer } from "./api/answers.js";
import type { Api } from "./api/client.js";
import { usageError } from "./usage-error.js";

/** By its name, else its id. @throws `not_found` */
export async function findAgent(api: Api, name: string): Promise<Agent> {
  const { agents } = await api.get("/agents", agentsAnswer);
  const found = agents.find((agent) => agent.name === name) ?? agents.find(({ id }) => id === name);
  if (found) return found;
  throw new GalleyError("not_found", `There is no agent ${JSON.stringify(name)}.`, {
    hint: "`galley agent ls` lists those that there are.",
  });
}

/** Where nobody has said which. @throws `usage` where there are several, `not_found` where there is none */
export async function onlyAgent(api: Api): Promise<Agent> {
  const { agents } = await api.get("/agents", agentsAnswer);
  const [only, another] = agents;
  if (another)
    throw usageError("There are several agents", "Say which: --agent NAME; `galley agent ls` lists them.");
  if (only) return only;
  throw new GalleyError("not_found", "The server has no agents.", {
    hint: "Make one with: galley agent new NAME",
  });
}
