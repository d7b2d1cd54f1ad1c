import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { setupAnswer } from "../api/answers.js";
import type { Api } from "../api/client.js";

export interface Session {
  /** As the header `Cookie` has it. */
  readonly cookie: string;
  readonly email: string;
}

const signedIn = z.looseObject({ user: z.looseObject({ email: z.string() }) });

/** Whether the server has no user yet. */
export const setupNeeded = async (api: Api): Promise<boolean> =>
  (await api.get("/setup", setupAnswer)).needed;

/** Signs in, or makes the first administrator and signs in as them. Throws what the server refuses. */
export async function beginSession(
  api: Api,
  { email, password, first }: { email: string; password: string; first: boolean },
): Promise<Session> {
  const path = first ? "/setup" : "/session";
  const { body, headers } = await api.send("POST", path, { email, password }, signedIn);
  const [cookie] = headers.getSetCookie().flatMap((line) => /^galley_session=[^;\s]+/.exec(line) ?? []);
  if (cookie === undefined)
    throw new GalleyError("internal", "The server has accepted the password and given no session.");
  return { cookie, email: body.user.email };
}

export const endSession = async (api: Api): Promise<void> => {
  await api.send("DELETE", "/session");
};
