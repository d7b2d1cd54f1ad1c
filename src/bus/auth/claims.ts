import { encodeAccount, encodeOperator, encodeUser, fromPublic, type KeyPair } from "@nats-io/jwt";
import { GalleyError } from "../../errors/index.js";
import { jobConsumer, streams, subjects } from "../subjects.js";
import type { BusCredential, BusKeys } from "./keys.js";

/** Longest life of an agent's credential. A revocation need not be kept longer, as what it revokes has expired. */
export const longestCredentialMs = 90 * 24 * 3600_000;

const unlimited = { subs: -1, data: -1, payload: -1 } as const;
// The server takes what is missing for 0, and then refuses to connect anybody.
const accountLimits = {
  ...unlimited,
  imports: -1,
  exports: -1,
  conn: -1,
  leaf: -1,
  wildcards: true,
} as const;
const jetStreamLimits = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 } as const;

export const operatorJwt = (keys: BusKeys): Promise<string> =>
  encodeOperator("galley", keys.operator, { system_account: keys.systemAccount.getPublicKey() });

export const systemAccountJwt = (keys: BusKeys): Promise<string> =>
  encodeAccount("system", keys.systemAccount, { limits: accountLimits }, { signer: keys.operator });

/** The application account with every revocation that `keys` knows. */
export const accountJwt = (keys: BusKeys): Promise<string> =>
  encodeAccount(
    "galley",
    keys.account,
    {
      limits: { ...accountLimits, ...jetStreamLimits },
      revocations: Object.fromEntries(keys.revocations),
    },
    { signer: keys.operator },
  );

/** For the server's own connection: everything in the application account. */
export const serverCredential = (keys: BusKeys): Promise<BusCredential> =>
  ownCredential("server", keys.serverUser, keys.account);

/** For a connection that revokes: everything in the system account, nothing in the application's. */
export const systemCredential = (keys: BusKeys): Promise<BusCredential> =>
  ownCredential("system", keys.systemUser, keys.systemAccount);

async function ownCredential(name: string, user: KeyPair, account: KeyPair): Promise<BusCredential> {
  return {
    jwt: await encodeUser(name, user, account, { ...unlimited }),
    seed: new TextDecoder().decode(user.getSeed()),
  };
}

/**
 * What an agent may do, and nothing else. No consumer may be made: a push consumer delivers to any subject, whoever made it.
 * No responses: nobody asks an agent anything.
 */
export function agentPermissions(agent: string): { publish: string[]; subscribe: string[] } {
  const consumer = `${streams.jobs}.${jobConsumer(agent)}`;
  const anyOf = (subject: string) => `${subject.slice(0, subject.lastIndexOf("."))}.>`;
  return {
    publish: [
      anyOf(subjects.events(agent, "any")),
      anyOf(subjects.logs(agent, "any")),
      subjects.heartbeat(agent),
      anyOf(subjects.runtime(agent, "any")),
      anyOf(subjects.rpc(agent, "claim")),
      `$JS.API.CONSUMER.INFO.${consumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${consumer}`,
      `$JS.ACK.${consumer}.>`,
    ],
    subscribe: [`${subjects.inbox(agent)}.>`, subjects.command(agent)],
  };
}

export interface AgentCredentialRequest {
  /** Its id. */
  readonly agent: string;
  /** Public part (`U…`) of the key pair that the agent made; the private part stays with it. */
  readonly publicKey: string;
  /** At most `longestCredentialMs` from now. */
  readonly expiresAt: Date;
}

/** The JWT that lets the holder of the key be that agent on the bus. `invalid_request` when `publicKey` is no user's key. */
export async function issueAgentCredential(keys: BusKeys, request: AgentCredentialRequest): Promise<string> {
  const { agent, publicKey, expiresAt } = request;
  if (!isUserKey(publicKey))
    throw new GalleyError("invalid_request", "The public key is not an nkey of a user.");
  if (!(expiresAt.getTime() <= Date.now() + longestCredentialMs))
    throw new GalleyError("invalid_request", "A credential lives 90 days at most.");
  const { publish, subscribe } = agentPermissions(agent);
  const permissions = { pub: { allow: publish, deny: [] }, sub: { allow: subscribe, deny: [] } };
  const limits = { ...unlimited, subs: 1000 };
  return encodeUser(
    agent,
    publicKey,
    keys.account,
    { ...limits, ...permissions, allowed_connection_types: ["STANDARD"] },
    { exp: Math.floor(expiresAt.getTime() / 1000) },
  );
}

/** Is it the public nkey of a user, checksum included? */
export function isUserKey(publicKey: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(publicKey)) return false;
  try {
    fromPublic(publicKey);
    return true;
  } catch {
    return false;
  }
}
