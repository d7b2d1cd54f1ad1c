import { stat } from "node:fs/promises";
import { answerCache } from "../../cache/index.js";
import { BuildKitClient } from "../buildkit/index.js";
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
import { dockerConnection } from "./docker-connection.js";
import { findAgent, onlyAgent } from "./find-agent.js";
import { progressLine } from "./progress-line.js";
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

/** The agent's own, where nothing else is said. */
export const dataDirectoryOf = ({ dataDir }: Pick<CacheFlags, "dataDir">, env: NodeJS.ProcessEnv): string =>
  dataDir ?? (env.GALLEY_DATA_DIR || "/var/lib/galley");

function here(flags: CacheFlags, { env }: NodeJS.Process, signal: AbortSignal): Asked {
  const dataDirectory = dataDirectoryOf(flags, env);
  return async (question, onProgress) => {
    // What BuildKit holds can be told without one.
    if (question.ask !== "du") await requireDirectory(dataDirectory, env);
    return await answerCache(question, {
      dataDirectory,
      connect: (ended) => BuildKitClient.connect(flags.builder, { env, signal: ended }),
      images: async (repoKeys, ended) => {
        // Another builder than an engine has none.
        const docker = await dockerConnection(env, flags.builder).catch(() => undefined);
        return docker && (await import("../agent/index.js")).repositoryImages(docker)(repoKeys, ended);
      },
      budget: async () => (await import("../agent/index.js")).parseCacheBudget(env),
      now: Date.now,
      onProgress,
      signal,
    });
  };
}

/** On the machine of somebody who looks from afar there is none, and "nothing is kept" would be wrong. @throws GalleyError not_found */
async function requireDirectory(path: string, env: NodeJS.ProcessEnv): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new GalleyError("not_found", `The data directory ${path} cannot be read: ${error.message}`, {
      hint: "Ask as the user that the agent runs as, or in its container.",
      cause: error,
    });
  });
  if (found?.isDirectory()) return;
  const login = await currentLogin(env).catch(() => undefined);
  throw new GalleyError("not_found", `There is no data directory of an agent at ${path} on this machine.`, {
    hint: login
      ? `Ask an agent of ${login.url} with --agent NAME (\`galley agent ls\` lists them), or say with --data-dir where one lies here.`
      : "Ask an agent from afar with --agent NAME after `galley login`, or say with --data-dir where one lies here.",
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
  const line = progressLine(stderr);
  try {
    return await work(({ done, total, what }) =>
      line.show(done, total, total === null ? what : `${total} ${what}`),
    );
  } finally {
    line.clear();
  }
}
