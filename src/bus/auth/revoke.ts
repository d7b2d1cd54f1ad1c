import { type Account, decode } from "@nats-io/jwt";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import type { BusConnection } from "../connection.js";
import { accountJwt, isUserKey, longestCredentialMs } from "./claims.js";
import { type BusKeys, saveRevocations } from "./keys.js";

const answerSchema = z.looseObject({
  data: z.looseObject({ code: z.int() }).optional(),
  error: z.looseObject({ description: z.string().optional() }).optional(),
});

/**
 * Refuses every credential issued to that key until now: a live connection is cut at once, and a restart of the bus changes nothing.
 * @param system a connection with `systemCredential`.
 * @throws `bus_unreachable` when the bus did not take it: the caller tries again.
 */
export async function revokeAgentKey(system: BusConnection, keys: BusKeys, publicKey: string): Promise<void> {
  if (!isUserKey(publicKey))
    throw new GalleyError("invalid_request", "The public key is not an nkey of a user.");
  await keys.serialised(async () => {
    keys.revocations.set(publicKey, Math.floor(Date.now() / 1000));
    await pushClaims(system, keys);
  });
}

/** Tells the bus of every revocation that is known here; for the start of a server, as the bus may have lost its files. */
export const syncRevocations = (system: BusConnection, keys: BusKeys): Promise<void> =>
  keys.serialised(() => pushClaims(system, keys));

async function pushClaims(system: BusConnection, keys: BusKeys): Promise<void> {
  const account = keys.account.getPublicKey();
  const ask = async (subject: string, body = "") => {
    try {
      return (await system.nats.request(subject, body, { timeout: 5_000 })).string();
    } catch (error) {
      throw new GalleyError("bus_unreachable", "The bus does not answer about its accounts.", {
        hint: "Is the connection one of the system account?",
        cause: error,
      });
    }
  };
  // What another server has revoked is kept.
  const there = await ask(`$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`);
  for (const [key, at] of Object.entries(revocationsIn(there, keys)))
    keys.revocations.set(key, Math.max(at, keys.revocations.get(key) ?? 0));
  for (const [key, at] of keys.revocations)
    if (at * 1000 < Date.now() - longestCredentialMs) keys.revocations.delete(key);
  await saveRevocations(keys);
  const answer = answerSchema.safeParse(json(await ask("$SYS.REQ.CLAIMS.UPDATE", await accountJwt(keys))));
  if (answer.data?.data?.code !== 200)
    throw new GalleyError(
      "bus_unreachable",
      `The bus did not take the account's claims: ${answer.data?.error?.description ?? "no reason given"}.`,
    );
}

/** None when the text is not our account's JWT, or not signed by our operator: the bus has lost its files. */
function revocationsIn(jwt: string, keys: BusKeys): Record<string, number> {
  try {
    const claims = decode<Account>(jwt); // checks the signature of `iss`
    const ours = claims.sub === keys.account.getPublicKey() && claims.iss === keys.operator.getPublicKey();
    return ours ? (claims.nats.revocations ?? {}) : {};
  } catch {
    return {};
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
