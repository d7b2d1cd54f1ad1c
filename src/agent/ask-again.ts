import { type BusConnection, type ClaimReply, claimReply, isUnheard, request } from "../bus/index.js";
import { retry } from "./retry.js";

/** With the pauses between them, up to two seconds. */
const attempts = 4;
const baseMs = 300;

/**
 * Asks the server, and again a few times where nobody has heard the question. When the bus comes back an agent may be connected to it again before the
 * server is: a job that was handed back for that would come again only after some seconds.
 */
export const askAgain = <Reply>(ask: () => Promise<Reply>, signal: AbortSignal): Promise<Reply> =>
  retry(ask, { attempts, baseMs, signal, worthIt: isUnheard });

/** Claims a deployment of the server, under the claim's id. Throws like `request`. */
export const askClaim = (
  connection: BusConnection,
  agent: string,
  claim: { readonly deployment: string; readonly claim: string },
  signal: AbortSignal,
): Promise<ClaimReply> =>
  askAgain(() => request(connection, agent, "claim", { v: 1, ...claim }, claimReply, { signal }), signal);
