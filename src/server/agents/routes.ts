import { and, asc, count, eq, isNull, sql } from "drizzle-orm";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { type App, actorOf, requireScope } from "../http/index.js";
import { agents, agentTokens, type Database, deployments } from "../store/index.js";
import { bootstrap, renew } from "./bootstrap.js";
import type { AgentDeps } from "./deps.js";
import { createAgent, revokeAgent, rotateToken } from "./registry.js";

const time = z.iso.datetime();
const params = z.object({ id: z.string().regex(/^[a-z0-9]{4,40}$/) });

const agentView = z.object({
  id: z.string(),
  name: z.string(),
  online: z.boolean().describe("A heartbeat came, and not three in a row failed to."),
  draining: z.boolean().describe("Finishes what it has and takes no more."),
  createdAt: time,
  seenAt: time.nullable().describe("When the last heartbeat came."),
  version: z.string().nullable(),
  slots: z.int().describe("Deployments that it runs at once."),
  used: z.int().describe("Deployments that it runs, or that wait for it to begin."),
  running: z.array(z.object({ deployment: z.string(), attempt: z.int() })),
  engine: z.object({ version: z.string(), api: z.string(), store: z.string() }).nullable(),
  disk: z
    .object({
      free: z.number(),
      total: z.number(),
      caches: z
        .number()
        .optional()
        .describe(
          "What is kept for repositories, there and in the engine, when the agent last summed it up.",
        ),
    })
    .nullable()
    .describe("Bytes of the disk of its data directory."),
  unsent: z.int().describe("Events that wait on its disk for the bus."),
  token: z
    .object({ state: z.enum(["unused", "used", "expired"]), expiresAt: time.nullable() })
    .nullable()
    .describe("The bootstrap token."),
});
const newTokenView = z.object({
  agent: agentView,
  token: z.string().describe("Shown this once."),
});

/** Making, watching and ending agents, and the exchange by which an agent's process introduces itself. */
export function agentRoutes(app: App, deps: AgentDeps, poke: () => void): void {
  const admin = requireScope("admin");
  const schema = { tags: ["agents"] };

  app.get(
    "/agents",
    {
      ...requireScope("read"),
      schema: { ...schema, response: { 200: z.object({ agents: z.array(agentView) }) } },
    },
    async () => ({ agents: await viewAgents(deps) }),
  );

  app.get(
    "/agents/:id",
    { ...requireScope("read"), schema: { ...schema, params, response: { 200: agentView } } },
    ({ params: { id } }) => viewAgent(deps, id),
  );

  app.post(
    "/agents",
    {
      ...admin,
      schema: {
        ...schema,
        summary: "Makes an agent. The answer has its bootstrap token, this once.",
        body: z.strictObject({ name: z.string().regex(/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/) }),
        response: { 201: newTokenView },
      },
    },
    async (request, reply) => {
      const { agent, token } = await createAgent(deps, actorOf(request), request.body.name);
      return reply.code(201).send({ agent: await viewAgent(deps, agent), token });
    },
  );

  app.post(
    "/agents/:id/rotate",
    {
      ...admin,
      schema: {
        ...schema,
        summary: "Gives an agent a new bootstrap token. The one before is refused.",
        params,
        response: { 200: newTokenView },
      },
    },
    async (request) => {
      const { agent, token } = await rotateToken(deps, actorOf(request), request.params.id);
      return { agent: await viewAgent(deps, agent), token };
    },
  );

  app.delete(
    "/agents/:id",
    {
      ...admin,
      schema: {
        ...schema,
        summary: "Revokes an agent: its connection is cut, its deployments fail.",
        params,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await revokeAgent(deps, actorOf(request), request.params.id);
      poke();
      return reply.code(204).send(null);
    },
  );

  app.post(
    "/agents/bootstrap",
    {
      config: { access: "public", rateLimit: app.guessLimit },
      schema: {
        ...schema,
        summary:
          "Exchanges a bootstrap token, or renews with the key that is held, for a credential of the bus.",
        body: z.union([bootstrapBody, renewalBody]),
        response: { 200: admittedView },
      },
    },
    async (request) => {
      const { body } = request;
      const admitted =
        "signature" in body
          ? await renew(deps, body)
          : await bootstrap(
              deps,
              { address: request.ip, requestId: request.id },
              { ...body, token: bearer(request.headers.authorization) },
            );
      const { agent, jwt, expiresAt, renewAfter } = admitted;
      return {
        v: 1 as const,
        agent,
        jwt,
        expiresAt: expiresAt.toISOString(),
        renewAfter: renewAfter.toISOString(),
      };
    },
  );
}

const publicKey = z.string().regex(/^U[A-Z2-7]{55}$/, "the public part of a user's nkey");
const bootstrapBody = z.strictObject({ v: z.literal(1), publicKey, version: z.string().min(1).max(64) });
const renewalBody = z.strictObject({
  v: z.literal(1),
  agent: z.string().max(64),
  publicKey,
  at: z.iso.datetime(),
  signature: z.string().max(128),
});
const admittedView = z.object({
  v: z.literal(1),
  agent: z.object({ id: z.string(), name: z.string() }),
  jwt: z.string(),
  expiresAt: time,
  renewAfter: time,
});

/** A token that is no bootstrap token is told apart from one that nobody has. */
function bearer(authorization: string | undefined): string {
  const [, token] = /^Bearer +(\S{1,200})$/i.exec(authorization ?? "") ?? [];
  if (token === undefined)
    throw new GalleyError("unauthorized", "The request carries no bootstrap token.", {
      hint: "Set GALLEY_AGENT_TOKEN to the token that `galley agent new` has shown.",
    });
  return token;
}

async function viewAgent(deps: AgentDeps, id: string): Promise<z.infer<typeof agentView>> {
  const [agent] = await viewAgents(deps, id);
  if (!agent) throw new GalleyError("not_found", `There is no agent ${id}.`);
  return agent;
}

async function viewAgents({ db, now }: AgentDeps, id?: string): Promise<z.infer<typeof agentView>[]> {
  const rows = await db
    .select({ agent: agents, token: agentTokens, used: usedSlots(db) })
    .from(agents)
    .leftJoin(agentTokens, and(eq(agentTokens.agentId, agents.id), isNull(agentTokens.replacedAt)))
    .where(and(isNull(agents.revokedAt), id === undefined ? undefined : eq(agents.id, id)))
    .orderBy(asc(agents.name));
  return rows.map(({ agent, token, used }) => ({
    id: agent.id,
    name: agent.name,
    online: agent.online,
    draining: agent.draining,
    createdAt: agent.createdAt.toISOString(),
    seenAt: agent.seenAt?.toISOString() ?? null,
    version: agent.version,
    slots: agent.slots,
    used,
    running: agent.running,
    engine: agent.engine,
    disk: agent.disk,
    unsent: agent.unsent,
    token: token && {
      state: token.usedAt !== null ? "used" : token.expiresAt.getTime() <= now() ? "expired" : "unused",
      expiresAt: token.usedAt === null ? token.expiresAt.toISOString() : null,
    },
  }));
}

const usedSlots = (db: Database) =>
  sql<number>`(${db
    .select({ count: count() })
    .from(deployments)
    .where(and(eq(deployments.agentId, agents.id), isNull(deployments.finishedAt)))})::int`;
