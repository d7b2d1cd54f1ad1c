import type { HandBackReply, HandBackRequest } from "../../bus/index.js";
import { type QueueDeps, takeBack } from "../queue/index.js";

/**
 * An agent that drains gives back what it has ended half-way. False when it is not that agent's, or another attempt by now.
 *
 * @param dispatch looks for another agent, soon; the agent that asks does not wait for that
 */
export async function handBack(
  deps: QueueDeps,
  agent: string,
  { deployment, attempt }: HandBackRequest,
  dispatch: () => void,
): Promise<HandBackReply> {
  const taken = await takeBack(deps, deployment, (row) => row.agentId === agent && row.attempt === attempt);
  if (taken) dispatch();
  return { v: 1, taken };
}
