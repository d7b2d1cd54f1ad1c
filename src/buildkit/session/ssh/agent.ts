/**
 * What a build may do with an ssh agent: list the keys and have data signed. Adding, removing, locking and extensions are
 * refused whatever stands behind: a build must not change the agent of the person who runs it. Message numbers:
 * draft-miller-ssh-agent §5.1.
 */
export const agentMessage = {
  failure: 5,
  requestIdentities: 11,
  identitiesAnswer: 12,
  signRequest: 13,
  signResponse: 14,
} as const;

export const agentFailure: Buffer = Buffer.of(agentMessage.failure);

/** One connection to an agent. Messages go without their length. */
export interface AgentConnection {
  /** Answers a request; requests of one connection come one at a time. */
  answer(request: Buffer): Promise<Buffer>;
  close(): void;
}

/** Something that answers agent requests. */
export interface Agent {
  /** Throws BuildKitError `ssh_agent_missing` where nobody answers. */
  connect(signal: AbortSignal): Promise<AgentConnection>;
}

export function isAllowed(request: Buffer): boolean {
  return request[0] === agentMessage.requestIdentities || request[0] === agentMessage.signRequest;
}
