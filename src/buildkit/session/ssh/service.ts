import { open, stat } from "node:fs/promises";
import { SSH } from "../../../../proto/index.js";
import { BuildKitError } from "../../errors.js";
import { RpcError, rpcStatus, type SessionService } from "../service.js";
import { serviceOf, stream, type TypedCall, unary } from "../typed.js";
import { type Agent, agentFailure, isAllowed } from "./agent.js";
import { connectAgentSocket, socketAgent } from "./agent-socket.js";
import { keyringAgent } from "./keyring.js";
import { KeyFormatError, parsePrivateKey, type SigningKey } from "./private-key.js";
import { AgentMessages, sshString } from "./wire.js";

/**
 * What stands behind an ssh id. `socket`: a running agent, by default the one that SSH_AUTH_SOCK names; `raw` passes its
 * bytes through unread, for sockets that speak something else, and then nothing keeps a build from changing the agent.
 * `keys`: private key files without passphrase. `paths`: as on buildx's command line, one socket or any number of keys.
 */
export type SshAgentSource =
  | { readonly socket?: string; readonly raw?: boolean }
  | { readonly keys: readonly string[] }
  | { readonly paths: readonly string[]; readonly raw?: boolean };

interface Forwarded {
  readonly agent: Agent;
  /** Path of a socket whose bytes pass through unread. */
  readonly raw: string | undefined;
}

interface Bytes {
  readonly data?: Uint8Array | null;
}

const maxKeyFileBytes = 100 * 1024;
const defaultId = "default";

/**
 * moby.sshforward.v1.SSH: lends agents to `RUN --mount=type=ssh`, by id; "" means "default". Keys are read now, so that a
 * key with a passphrase fails before the build. Throws `option_invalid` and `ssh_agent_missing`.
 */
export async function createSshAgents(
  agents: Readonly<Record<string, SshAgentSource>>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<SessionService> {
  const byId = new Map<string, Forwarded>();
  for (const [id, source] of Object.entries(agents)) byId.set(id || defaultId, await forwarded(source, env));
  const find = (id: string | undefined) => {
    const found = byId.get(id || defaultId);
    // The words that docker's own client uses: daemons pass them on, and people search for them.
    if (!found) throw new RpcError(rpcStatus.notFound, `unset ssh forward key ${id || defaultId}`);
    return found;
  };
  return serviceOf(
    unary(SSH.methods.CheckAgent, async ({ id }) => {
      find(id);
      return {};
    }),
    stream(SSH.methods.ForwardAgent, async (call) => {
      const { agent, raw } = find(call.metadata.first("buildkit.ssh.id"));
      await (raw === undefined ? forward(agent, call) : forwardRaw(raw, call));
    }),
  );
}

async function forward(agent: Agent, call: TypedCall<Bytes, Bytes>): Promise<void> {
  const connection = await agent.connect(call.signal);
  try {
    const requests = new AgentMessages();
    for await (const { data } of call.requests) {
      for (const request of requests.push(data ?? Buffer.alloc(0))) {
        const answer = isAllowed(request) ? await connection.answer(request) : agentFailure;
        await call.send({ data: sshString(answer) });
      }
    }
  } catch (error) {
    if (error instanceof RangeError)
      throw new RpcError(rpcStatus.invalidArgument, error.message, { cause: error });
    throw error;
  } finally {
    connection.close();
  }
}

async function forwardRaw(path: string, call: TypedCall<Bytes, Bytes>): Promise<void> {
  const socket = await connectAgentSocket(path, call.signal);
  const close = () => socket.destroy();
  call.signal.addEventListener("abort", close, { once: true });
  try {
    const upwards = (async () => {
      for await (const { data } of call.requests) {
        if (!socket.write(data ?? Buffer.alloc(0)))
          await new Promise((resolve) => socket.once("drain", resolve).once("close", resolve));
      }
      socket.end();
    })();
    // The call may end while its requests go on; their failure is then no news.
    upwards.catch(() => socket.destroy());
    for await (const chunk of socket) await call.send({ data: chunk as Buffer });
  } finally {
    call.signal.removeEventListener("abort", close);
    close();
  }
}

async function forwarded(
  source: SshAgentSource,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Forwarded> {
  if ("keys" in source)
    return { agent: keyringAgent(await Promise.all(source.keys.map(readKey))), raw: undefined };
  if ("paths" in source && source.paths.length > 0) {
    const sockets = await Promise.all(source.paths.map(isSocket));
    if (!sockets.includes(true) && !source.raw) return forwarded({ keys: source.paths }, env);
    const [path] = source.paths;
    if (source.paths.length > 1 || !sockets[0] || path === undefined) {
      throw new BuildKitError(
        "option_invalid",
        "An ssh id stands for one agent socket or for private keys, not for both.",
      );
    }
    return forwarded({ socket: path, raw: source.raw ?? false }, env);
  }
  const path = ("socket" in source ? source.socket : undefined) || env.SSH_AUTH_SOCK;
  if (!path) {
    throw new BuildKitError("ssh_agent_missing", "No ssh agent is running: SSH_AUTH_SOCK is not set.", {
      hint: "Start one with `eval $(ssh-agent)` and add a key with `ssh-add`, or give the path of a private key.",
    });
  }
  return { agent: socketAgent(path), raw: source.raw ? path : undefined };
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readKey(path: string): Promise<SigningKey> {
  let bytes: Buffer;
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(maxKeyFileBytes), 0, maxKeyFileBytes, 0);
      bytes = buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  try {
    return parsePrivateKey(bytes, path);
  } catch (cause) {
    const reason = cause instanceof KeyFormatError ? cause.reason : "malformed";
    throw new BuildKitError("option_invalid", keySentences[reason](path), { hint: keyHint, cause });
  }
}

const keySentences = {
  encrypted: (path: string) => `The private key ${path} is protected by a passphrase.`,
  unsupported: (path: string) => `The private key ${path} is of a kind that is not supported.`,
  malformed: (path: string) => `${path} is not a private key.`,
};
const keyHint =
  "Use an ed25519, RSA or ECDSA key without passphrase, or add the key to an agent with `ssh-add` and forward the agent.";

function unreadable(path: string, cause: unknown): BuildKitError {
  const code = (cause as NodeJS.ErrnoException).code ?? "an error";
  return new BuildKitError(
    "option_invalid",
    `The ssh agent or key at ${path} could not be opened (${code}).`,
    {
      hint: "Check that the path exists and that this user may read it.",
      cause,
    },
  );
}
