import { createHash } from "node:crypto";
import { createAgentKey, signAsAgent } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import type { AgentConfig } from "./config.js";
import { askBootstrap, type BootstrapGrant } from "./control-plane.js";
import { type AgentCredential, readCredential, writeCredential } from "./credential.js";
import type { AgentLog } from "./log.js";
import { retry } from "./retry.js";

export interface BootstrapOptions {
  readonly config: Pick<AgentConfig, "controlPlaneUrl" | "dataDirectory" | "token">;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly log: AgentLog;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly fetch?: typeof fetch;
  readonly random?: () => number;
  /** Milliseconds before the second attempt; doubles. Default 500. */
  readonly baseMs?: number;
}

/** With half a second that doubles up to 15 s: about a minute and a half. */
const attempts = 10;
/** With a credential that is still good there is no need to wait for the server. */
const attemptsWithCredential = 3;

/**
 * What the agent is on the bus: the held credential, renewed, or a new one for the token. A held one that cannot be renewed because
 * the server is away serves for as long as it is valid.
 *
 * @throws GalleyError agent_token_unknown, agent_token_expired, agent_token_rotated, agent_revoked: no other try will do better;
 *   control_plane_unreachable after the last try; config_invalid when there is neither credential nor token
 */
export async function bootstrap(options: BootstrapOptions): Promise<AgentCredential> {
  const { config, log, now = Date.now } = options;
  const held = await readCredential(config.dataDirectory);
  if (held && belongs(held, config)) {
    try {
      const valid = Date.parse(held.expiresAt) > now();
      return await renewCredential(held, options, valid ? attemptsWithCredential : attempts);
    } catch (error) {
      if (!isUnreachable(error) || Date.parse(held.expiresAt) <= now()) throw error;
      log.warn(
        { expiresAt: held.expiresAt },
        "the server is away: going on with the credential that is held",
      );
      return held;
    }
  }
  if (config.token === undefined) {
    throw new GalleyError(
      "config_invalid",
      "GALLEY_AGENT_TOKEN is not set, and the data directory holds no credential.",
      {
        hint: "Make a token with `galley agent new` and set GALLEY_AGENT_TOKEN to it.",
      },
    );
  }
  const { token } = config;
  // Made here; only the public part is sent.
  const { publicKey, seed } = createAgentKey();
  const grant = await asked(options, attempts, () =>
    askBootstrap(
      config.controlPlaneUrl,
      { v: 1, publicKey, version: options.version },
      { ...options, token },
    ),
  );
  return await keep(grant, { publicKey, seed, tokenHash: hashOf(token) }, config);
}

/**
 * A new JWT for the same key, kept in the data directory. Throws like `bootstrap`.
 *
 * @param tries how often the server is asked when it is away
 */
export async function renewCredential(
  held: AgentCredential,
  options: BootstrapOptions,
  tries: number,
): Promise<AgentCredential> {
  const { config, now = Date.now } = options;
  const { publicKey, seed, tokenHash } = held;
  const renew = () => {
    const at = new Date(now()).toISOString();
    const agent = held.agent.id;
    const signature = signAsAgent(seed, `galley-renew\n${agent}\n${publicKey}\n${at}`);
    return askBootstrap(config.controlPlaneUrl, { v: 1, agent, publicKey, at, signature }, options);
  };
  const grant = await asked(options, tries, renew);
  return await keep(grant, { publicKey, seed, tokenHash }, config);
}

async function asked(
  { signal, log, random, baseMs }: BootstrapOptions,
  tries: number,
  ask: () => Promise<BootstrapGrant>,
): Promise<BootstrapGrant> {
  return await retry(ask, {
    attempts: tries,
    signal,
    worthIt: isUnreachable,
    onRetry: (error, waitMs) => log.warn({ waitMs }, (error as Error).message),
    ...(random ? { random } : {}),
    ...(baseMs ? { baseMs } : {}),
  });
}

async function keep(
  { agent, jwt, expiresAt, renewAfter }: BootstrapGrant,
  held: Pick<AgentCredential, "publicKey" | "seed" | "tokenHash">,
  { controlPlaneUrl, dataDirectory }: BootstrapOptions["config"],
): Promise<AgentCredential> {
  const credential = { v: 1, agent, controlPlaneUrl, ...held, jwt, expiresAt, renewAfter } as const;
  await writeCredential(dataDirectory, credential);
  return credential;
}

/** Of this server, and not older than the token that is set. */
function belongs(held: AgentCredential, config: BootstrapOptions["config"]): boolean {
  const sameToken = config.token === undefined || hashOf(config.token) === held.tokenHash;
  return held.controlPlaneUrl === config.controlPlaneUrl && sameToken;
}

function isUnreachable(error: unknown): boolean {
  return error instanceof GalleyError && error.code === "control_plane_unreachable";
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
