import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../../deadline.js";
import { BuildKitError } from "../../errors.js";
import type { Agent } from "./agent.js";
import { AgentMessages, sshString } from "./wire.js";

const connectTimeoutMs = 2000;
/** A key may ask its owner for a touch or a confirmation. */
const answerTimeoutMs = 5 * 60_000;

/** Connects to the Unix socket of a running agent. Throws `ssh_agent_missing`. */
export async function connectAgentSocket(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = connect(path);
  try {
    await once(socket, "connect", {
      signal: withDeadline(signal, connectTimeoutMs),
    });
    return socket;
  } catch (cause) {
    socket.on("error", () => {});
    socket.destroy();
    throw new BuildKitError("ssh_agent_missing", `No ssh agent answers on ${path}.`, {
      hint: "Start one with `eval $(ssh-agent)` and add a key with `ssh-add`, or give the path of a private key.",
      cause,
    });
  }
}

/** The agent behind a Unix socket, one connection of its for each of ours. */
export function socketAgent(path: string): Agent {
  return {
    connect: async (signal) => {
      const socket = await connectAgentSocket(path, signal);
      socket.setTimeout(answerTimeoutMs, () => socket.destroy());
      const close = () => socket.destroy();
      signal.addEventListener("abort", close, { once: true });
      const answers = answersOf(socket);
      return {
        answer: async (request) => {
          socket.write(sshString(request));
          const next = await answers.next();
          if (next.done) throw new BuildKitError("ssh_agent_missing", `The ssh agent on ${path} hung up.`);
          return next.value;
        },
        close: () => {
          signal.removeEventListener("abort", close);
          close();
        },
      };
    },
  };
}

async function* answersOf(socket: Socket): AsyncGenerator<Buffer> {
  const messages = new AgentMessages();
  for await (const chunk of socket) yield* messages.push(chunk as Buffer);
}
