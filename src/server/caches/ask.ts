import { and, eq, isNull } from "drizzle-orm";
import type { RuntimeAsk, RuntimeReply } from "../../bus/index.js";
import {
  type CacheAnswer,
  type CacheProgress,
  type CacheQuestion,
  mostCacheAnswer,
  parseCacheAnswer,
} from "../../cache-api/index.js";
import { GalleyError } from "../../errors/index.js";
import type { MaskOf } from "../life/index.js";
import { agents, type Database, projects } from "../store/index.js";

export interface AskCacheDeps {
  readonly db: Database;
  /** As `askRuntime`. */
  readonly ask: (agent: string, ask: RuntimeAsk, signal: AbortSignal) => AsyncGenerator<RuntimeReply>;
  readonly maskOf: MaskOf;
}

/** What an agent says until its answer is whole; null: nothing new, but it is there. */
export type CacheWord = { readonly progress: CacheProgress | null } | { readonly answer: CacheAnswer };

/** The agent with that id, if it can be asked now. Throws `not_found`, and `agent_lost_contact` where it is away. */
export async function agentToAsk(db: Database, id: string): Promise<{ id: string; name: string }> {
  const [agent] = await db
    .select({ id: agents.id, name: agents.name, online: agents.online })
    .from(agents)
    .where(and(eq(agents.id, id), isNull(agents.revokedAt)));
  if (!agent) throw new GalleyError("not_found", `There is no agent ${id}.`);
  if (!agent.online)
    throw new GalleyError("agent_lost_contact", `The agent ${agent.name} is away.`, {
      hint: "`galley agent ls` says since when. On its host, `galley cache` works without it.",
    });
  return agent;
}

/**
 * Asks an agent about its caches: how far it is, and the answer at the end, with the secrets of the projects of that repository masked.
 *
 * @throws as `askRuntime`; `bus_message_invalid` for what is no answer to that question
 */
export async function* askCache(
  { db, ask, maskOf }: AskCacheDeps,
  agent: string,
  question: CacheQuestion,
  signal: AbortSignal,
): AsyncGenerator<CacheWord> {
  let text = "";
  for await (const reply of ask(agent, { type: "cache", question }, signal)) {
    if (reply.type === "progress") yield { progress: reply.progress };
    if (reply.type !== "piece") continue;
    text += reply.text;
    if (text.length > mostCacheAnswer) throw invalid();
  }
  const answer = read(question.ask, text);
  const repo = repositoryOf(answer);
  yield { answer: repo === undefined ? answer : await masked(db, maskOf, repo, answer) };
}

function read(ask: CacheQuestion["ask"], text: string): CacheAnswer {
  try {
    return parseCacheAnswer(ask, JSON.parse(text));
  } catch (error) {
    throw invalid(error);
  }
}

const invalid = (cause?: unknown) =>
  new GalleyError("bus_message_invalid", "The agent's answer is not what it should be.", {
    hint: "See that agent and server have the same version: `galley agent ls` tells it.",
    cause,
  });

/** Names of steps and mounts may hold what a build was given: answers that have them are about one repository. */
function repositoryOf(answer: CacheAnswer): string | undefined {
  if (Array.isArray(answer)) return undefined;
  const { repo, repoKey } = answer as { repo?: unknown; repoKey?: unknown };
  const named = repo ?? repoKey;
  return typeof named === "string" ? named : undefined;
}

async function masked(db: Database, maskOf: MaskOf, repo: string, answer: CacheAnswer): Promise<CacheAnswer> {
  let told = answer;
  const readers = await db.select({ id: projects.id }).from(projects).where(eq(projects.repoKey, repo));
  for (const { id } of readers) told = (await maskOf(db, id))(told);
  return told;
}
