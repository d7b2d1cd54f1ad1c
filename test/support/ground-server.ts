// A server with accounts, projects and the audit log, without a bus: what test/server tries over real HTTP.

import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { createLog } from "../../src/server/http/index.js";
import { parseConfig, type ServerConfig } from "../../src/server/index.js";
import type { MakePart } from "../../src/server/part.js";
import { type RunningServer, startServerOf } from "../../src/server/start.js";
import type { Location } from "./databases.js";
import { user } from "./first-user.js";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  readonly body: any;
  readonly headers: Headers;
  /** The value of galley_session that the answer sets. */
  readonly session: string | undefined;
}

interface Credentials {
  /** Sent as the cookie, with `X-Galley-CSRF: 1`. */
  readonly session?: string | undefined;
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

export interface GroundServer extends RunningServer {
  /** All that the server has logged. */
  log(): string;
  /** A call of the API; the path is below /api/v1. */
  call(method: string, path: string, body?: unknown, as?: Credentials): Promise<Answer>;
  /** Makes the first user and resolves with their session. */
  setUp(): Promise<string>;
}

export const admin = user;
export const newMasterKey = (): KeyObject => createSecretKey(randomBytes(32));

export async function startGround(
  database: Location,
  options: {
    masterKey?: KeyObject;
    previousMasterKey?: KeyObject;
    config?: Partial<ServerConfig>;
    parts?: MakePart[];
    limits?: { perMinute?: number; guessesPerMinute?: number; attemptsPerAccount?: number };
    now?: () => Date;
    signal?: AbortSignal;
  } = {},
): Promise<GroundServer> {
  const lines: string[] = [];
  const config: ServerConfig = {
    ...parseConfig({ GALLEY_MASTER_KEY: randomBytes(32).toString("hex"), GALLEY_DATA_DIR: "/nonexistent" }),
    database,
    ...(options.masterKey ? { masterKey: options.masterKey } : {}),
    previousMasterKey: options.previousMasterKey ?? null,
    publicUrl: new URL("http://galley.test"),
    host: "127.0.0.1",
    port: 0,
    ...options.config,
  };
  const server = await startServerOf(options.parts ?? [], config, {
    log: createLog({ level: "trace", destination: { write: (line) => void lines.push(line) } }),
    signal: options.signal ?? new AbortController().signal,
    limits: { guessesPerMinute: 1000, attemptsPerAccount: 1000, passwordCost: 1024, ...options.limits },
    ...(options.now ? { now: options.now } : {}),
  });
  const call: GroundServer["call"] = async (method, path, body, as = {}) => {
    const response = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(as.session === undefined ? {} : { cookie: `galley_session=${as.session}`, "x-galley-csrf": "1" }),
        ...(as.token === undefined ? {} : { authorization: `Bearer ${as.token}` }),
        ...as.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const cookie = response.headers.getSetCookie().find((line) => line.startsWith("galley_session="));
    return {
      status: response.status,
      body: text === "" ? undefined : JSON.parse(text),
      headers: response.headers,
      session: cookie && /^galley_session=([^;]*)/.exec(cookie)?.[1],
    };
  };
  return {
    ...server,
    log: () => lines.join(""),
    call,
    async setUp() {
      const answer = await call("POST", "/setup", admin);
      if (answer.session === undefined) throw new Error(`set-up failed: ${JSON.stringify(answer.body)}`);
      return answer.session;
    },
  };
}
