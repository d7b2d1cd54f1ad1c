import { type Agent, agentFailure, agentMessage } from "./agent.js";
import type { SigningKey } from "./private-key.js";
import { SshReader, sshString, sshUint32 } from "./wire.js";

/** An agent inside this process: the private keys never leave it, builds only get signatures. */
export function keyringAgent(keys: readonly SigningKey[]): Agent {
  return { connect: async () => ({ answer: async (request) => answer(keys, request), close: () => {} }) };
}

function answer(keys: readonly SigningKey[], request: Buffer): Buffer {
  if (request[0] === agentMessage.requestIdentities) {
    const list = keys.flatMap(({ blob, comment }) => [sshString(blob), sshString(comment)]);
    return Buffer.concat([Buffer.of(agentMessage.identitiesAnswer), sshUint32(keys.length), ...list]);
  }
  if (request[0] !== agentMessage.signRequest) return agentFailure;
  try {
    const reader = new SshReader(request.subarray(1));
    const blob = reader.string();
    const content = reader.string();
    const signature = keys.find((key) => key.blob.equals(blob))?.sign(content, reader.uint32());
    return signature
      ? Buffer.concat([Buffer.of(agentMessage.signResponse), sshString(signature)])
      : agentFailure;
  } catch (error) {
    if (error instanceof RangeError) return agentFailure;
    throw error;
  }
}
