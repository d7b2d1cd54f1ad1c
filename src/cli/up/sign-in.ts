import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { agentsAnswer, newAgentAnswer, setupAnswer, tokenAnswer } from "../api/answers.js";
import { type Api, createApi } from "../api/client.js";
import { type Layout, type LocalSecrets, readSecrets, secretsFile, writeSecrets } from "./layout.js";

/** Signs in to the local server, setting up its first user where there is none. The API token is kept for the next time. */
export async function signIn(layout: Layout, url: string, signal: AbortSignal): Promise<Api> {
  const known = readSecrets(layout);
  if (known.apiToken) {
    const api = createApi({ url, credential: { token: known.apiToken }, signal });
    const valid = await api.get("/me", z.looseObject({})).then(
      () => true,
      (error: unknown) => {
        if (error instanceof GalleyError && error.code === "unauthorized") return false;
        throw error;
      },
    );
    if (valid) return api;
  }
  const { email, password } = known;
  const open = createApi({ url, signal });
  const { needed } = await open.get("/setup", setupAnswer);
  const entered = await open
    .send("POST", needed ? "/setup" : "/session", { email, password }, z.looseObject({}))
    .catch((error: unknown) => {
      if (error instanceof GalleyError && error.code === "unauthorized")
        throw new GalleyError("unauthorized", "The local server does not know the password any more.", {
          hint: `Put the one that you have set for ${email} into ${secretsFile(layout)}.`,
          cause: error,
        });
      throw error;
    });
  const cookie = entered.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  const session = createApi({ url, credential: { cookie }, signal });
  const { body } = await session.send(
    "POST",
    "/tokens",
    { name: "galley up", scopes: ["read", "deploy", "admin"] },
    tokenAnswer,
  );
  writeSecrets(layout, { ...known, apiToken: body.token });
  return createApi({ url, credential: { token: body.token }, signal });
}

export const localAgent = "local";

/** This machine's agent, made at the first run: its id, and the bootstrap token that it begins with. */
export async function enrolAgent(layout: Layout, api: Api): Promise<{ id: string; token: string }> {
  const known: LocalSecrets = readSecrets(layout);
  const { agents } = await api.get("/agents", agentsAnswer);
  const agent = agents.find(({ name }) => name === localAgent);
  if (agent && known.agentToken) return { id: agent.id, token: known.agentToken };
  const path = agent ? `/agents/${agent.id}/rotate` : "/agents";
  const { body } = await api.send("POST", path, agent ? {} : { name: localAgent }, newAgentAnswer);
  writeSecrets(layout, { ...known, agentToken: body.token });
  return { id: body.agent.id, token: body.token };
}
