import { answerCache } from "../../cache/index.js";
import { BuildKitClient, safeName } from "../buildkit/index.js";
import {
  type CacheAnswer,
  type CacheProgress,
  type CacheQuestion,
  type CacheVerb,
  parseCacheAnswer,
} from "../cache-api/index.js";
import { GalleyError } from "../errors/index.js";
import { currentLogin } from "./account/logins.js";
import { askCacheThrough } from "./api/ask-cache.js";
import { createApi } from "./api/client.js";
import { findAgent, onlyAgent } from "./find-agent.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

export interface CacheFlags {
  readonly dataDir?: string;
  readonly json?: boolean;
  /** Name or id: asks it through a server. */
  readonly agent?: string;
  /** Asks through this one, instead of the one that one is signed in to. */
  readonly server?: string;
  /** Of `du` alone. */
  readonly builder?: string;
}

export type AskCache = <Verb extends CacheVerb>(
  question: CacheQuestion & { readonly ask: Verb },
) => Promise<CacheAnswer<Verb>>;

/** Runs something that asks about caches, shows on a terminal how far a long answer is, and returns the exit code. */
export function withCache(
  process: NodeJS.Process,
  flags: CacheFlags,
  work: (ask: AskCache) => Promise<number>,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const asked = isAfar(flags) ? await afar(flags, process, signal) : here(flags, process, signal);
    return work((question) =>
      showingProgress(process.stderr, async (onProgress) => {
        const answer = await asked(question, onProgress);
        try {
          return parseCacheAnswer(question.ask, answer);
        } catch (cause) {
          throw new GalleyError("internal", "The answer is not one that this version of the command knows.", {
            hint: "See that command, server and agent have the same version.",
            cause,
          });
        }
      }),
    );
  });
}

type Asked = (question: CacheQuestion, onProgress: (progress: CacheProgress) => void) => Promise<unknown>;

function isAfar({ agent, server, dataDir, builder }: CacheFlags): boolean {
  if (agent === undefined && server === undefined) return false;
  if (dataDir === undefined && builder === undefined) return true;
  throw usageError(
    "--agent and --server ask an agent, --data-dir and --builder look at this machine",
    "Leave one of them away.",
  );
}

function here(flags: CacheFlags, { env }: NodeJS.Process, signal: AbortSignal): Asked {
  return (question, onProgress) =>
    answerCache(question, {
      dataDirectory: flags.dataDir ?? (env.GALLEY_DATA_DIR || "/var/lib/galley"),
      connect: (ended) => BuildKitClient.connect(flags.builder, { env, signal: ended }),
      budget: async () => (await import("../agent/index.js")).parseCacheBudget(env),
      now: Date.now,
      onProgress,
      signal,
    });
}

async function afar(flags: CacheFlags, { env }: NodeJS.Process, signal: AbortSignal): Promise<Asked> {
  const { url, token } = await currentLogin(
    flags.server === undefined ? env : { ...env, GALLEY_URL: flags.server },
  );
  const api = createApi({ url, credential: { token }, signal });
  const agent = flags.agent === undefined ? await onlyAgent(api) : await findAgent(api, flags.agent);
  return (question, onProgress) => askCacheThrough(api, agent.id, question, onProgress, signal);
}

async function showingProgress<T>(
  stderr: NodeJS.WriteStream,
  work: (onProgress: (progress: CacheProgress) => void) => Promise<T>,
): Promise<T> {
  let shown = false;
  try {
    return await work(({ done, total, what }) => {
      if (!stderr.isTTY) return;
      shown = true;
      stderr.write(`\r\u001b[K${done}${total === null ? "" : ` of ${total}`} ${safeName(what)}`);
    });
  } finally {
    if (shown) stderr.write("\r\u001b[K");
  }
}
