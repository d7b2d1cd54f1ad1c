import { eq } from "drizzle-orm";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import {
  type CacheAnswer,
  type CacheQuestion,
  type CacheVerb,
  cacheAnswers,
  cacheKind,
} from "../../cache-api/index.js";
import { abortAfter, GalleyError } from "../../errors/index.js";
import { recordAudit } from "../audit/index.js";
import { type App, actorOf, goneOf, requireScope } from "../http/index.js";
import { agents } from "../store/index.js";
import { type AskCacheDeps, agentToAsk, askCache } from "./ask.js";
import { cacheEventsView, listCacheEvents } from "./removals.js";
import { streamAnswer } from "./stream.js";

export type CachesDeps = AskCacheDeps;

/** Questions at once, on one server. */
const most = 50;
/** Milliseconds for an answer, and for one whose progress is followed. */
const answerMs = 30_000;
const streamMs = 2 * 3600_000;

const params = z.object({ id: z.string().regex(/^[a-z0-9]{4,40}$/) });
const repo = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,127}$/, "must be a repository's key");
const pruneBody = z.strictObject({
  repo: repo.nullable().default(null).describe("Of this repository alone."),
  older: z.int().min(0).nullable().default(null).describe("Seconds: only what was not used for so long."),
  keep: z.int().min(0).nullable().default(null).describe("Bytes that may stay, used last."),
  dryRun: z.boolean().default(false).describe("Only say what would go."),
  kinds: z.array(cacheKind).max(10).default([]).describe("Only these; none: what is stored."),
});
const followed = "With `Accept: text/event-stream`: `progress` now and then, then `answer`, or `error`.";

/** What agents keep for repositories, and dropping it: the answers of `galley cache --json` on their hosts. */
export function cacheRoutes(app: App, deps: CachesDeps): void {
  const read = requireScope("read");
  const admin = requireScope("admin");
  const tags = ["caches"];
  let asking = 0;

  const answer = async <Verb extends CacheVerb>(
    request: FastifyRequest,
    reply: FastifyReply,
    question: CacheQuestion & { readonly ask: Verb },
  ): Promise<CacheAnswer<Verb>> => {
    const agent = await agentToAsk(deps.db, (request.params as z.infer<typeof params>).id);
    if (asking >= most)
      throw new GalleyError("rate_limited", "Too many ask for caches now.", {
        hint: "Come again in a minute.",
      });
    const removing = removalsOf(question);
    if (removing !== undefined)
      await recordAudit(deps.db, actorOf(request), `cache.${question.ask}`, `${agent.name}${removing}`);
    asking += 1;
    const gone = goneOf(reply);
    const over = () => {
      asking -= 1;
      gone.abort();
    };
    const streamed = /\btext\/event-stream\b/i.test(request.headers.accept ?? "");
    const late = abortAfter(streamed ? streamMs : answerMs);
    const signal = AbortSignal.any([gone.signal, app.closing, late]);
    const words = askCache(deps, agent.id, question, signal);
    if (streamed) return (await streamAnswer(words, request, reply, { signal, over })) as never;
    try {
      for await (const word of words) if ("answer" in word) return word.answer as CacheAnswer<Verb>;
      throw new GalleyError("agent_lost_contact", `The agent ${agent.name} has not answered.`);
    } catch (error) {
      if (!late.aborted) throw error;
      throw new GalleyError("agent_lost_contact", `The agent ${agent.name} takes long to answer.`, {
        hint: "Ask with `Accept: text/event-stream`, as `galley cache --agent` does: that waits for as long as it takes.",
      });
    } finally {
      over();
    }
  };

  app.get(
    "/agents/:id/cache/repositories",
    {
      ...read,
      schema: {
        tags,
        summary: "The repositories that an agent keeps something for.",
        params,
        response: { 200: cacheAnswers.ls },
      },
    },
    (request, reply) => answer(request, reply, { ask: "ls" }),
  );

  app.get(
    "/agents/:id/cache/repositories/:repo",
    {
      ...read,
      schema: {
        tags,
        summary: "What is kept for a repository, and the builds that used it.",
        params: params.extend({ repo }),
        response: { 200: cacheAnswers.show },
      },
    },
    (request, reply) => answer(request, reply, { ask: "show", repo: request.params.repo }),
  );

  app.get(
    "/agents/:id/cache/repositories/:repo/entry",
    {
      ...read,
      schema: {
        tags,
        summary: `What is in something that is kept, the largest directories first. ${followed}`,
        params: params.extend({ repo }),
        querystring: z.strictObject({ entry: z.string().min(1).max(4096).describe("Its name or id.") }),
        response: { 200: cacheAnswers.inspect },
      },
    },
    (request, reply) =>
      answer(request, reply, { ask: "inspect", repo: request.params.repo, entry: request.query.entry }),
  );

  app.get(
    "/agents/:id/cache/builds/:build",
    {
      ...read,
      schema: {
        tags,
        summary: "Which steps of a build were cached, which were not, and what had changed.",
        params: params.extend({ build: z.string().min(1).max(200) }),
        response: { 200: cacheAnswers.explain },
      },
    },
    (request, reply) => answer(request, reply, { ask: "explain", build: request.params.build }),
  );

  app.get(
    "/agents/:id/cache/usage",
    {
      ...read,
      schema: {
        tags,
        summary: `What is stored and what BuildKit holds, by whose it is. ${followed}`,
        params,
        response: { 200: cacheAnswers.du },
      },
    },
    (request, reply) => answer(request, reply, { ask: "du" }),
  );

  app.get(
    "/agents/:id/cache/events",
    {
      ...read,
      schema: {
        tags,
        summary:
          "What an agent has removed to keep its budget or for room on its disk, the newest first: the last 1,000 are kept.",
        params,
        querystring: z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(100) }),
        response: { 200: cacheEventsView },
      },
    },
    async ({ params: { id }, query: { limit } }) => {
      const [known] = await deps.db.select({ id: agents.id }).from(agents).where(eq(agents.id, id));
      if (!known) throw new GalleyError("not_found", `There is no agent ${id}.`);
      return await listCacheEvents(deps.db, id, limit);
    },
  );

  app.post(
    "/agents/:id/cache/prune",
    {
      ...admin,
      schema: {
        tags,
        summary: `Drops what is kept, or says what that would drop. ${followed}`,
        params,
        body: pruneBody,
        response: { 200: cacheAnswers.prune },
      },
    },
    (request, reply) => answer(request, reply, { ask: "prune", ...request.body }),
  );

  app.post(
    "/agents/:id/cache/verify",
    {
      ...admin,
      schema: {
        tags,
        summary: `Reads all that is stored; what is damaged is removed, and stored anew by the next build. ${followed}`,
        params,
        response: { 200: cacheAnswers.verify },
      },
    },
    (request, reply) => answer(request, reply, { ask: "verify" }),
  );
}

/** What a question may remove, behind the agent's name; undefined where it removes nothing. */
function removalsOf(question: CacheQuestion): string | undefined {
  if (question.ask === "verify") return "";
  if (question.ask !== "prune" || question.dryRun) return undefined;
  return question.repo === null ? "" : `/${question.repo}`;
}
