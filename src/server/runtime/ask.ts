import { eq } from "drizzle-orm";
import type { z } from "zod";
import type { RuntimeAsk, RuntimeLine, RuntimeReply, serviceUsage } from "../../bus/index.js";
import { GalleyError } from "../../errors/index.js";
import { readEnvironment } from "../deployments/index.js";
import type { MaskOf } from "../life/index.js";
import { agents, type Database } from "../store/index.js";

export interface AskDeps {
  readonly db: Database;
  /** As `askRuntime`. */
  readonly ask: (agent: string, ask: RuntimeAsk, signal: AbortSignal) => AsyncGenerator<RuntimeReply>;
  readonly maskOf: MaskOf;
}

export interface LogsQuestion {
  readonly service: string | null;
  /** Milliseconds since 1970. */
  readonly since: number | null;
  readonly tail: number;
  readonly follow: boolean;
}

/**
 * Who can be asked about an environment. Throws `not_found`, `conflict` where nobody holds containers of it, and `agent_lost_contact` where
 * that one is away.
 */
async function holderOf(db: Database, id: string): Promise<{ agent: string; project: string }> {
  const { environment } = await readEnvironment(db, id);
  if (environment.agentId === null)
    throw new GalleyError("conflict", `${environment.name} has no containers.`, {
      hint: "Deploy it; `galley env logs` has what its builds have printed.",
    });
  const [agent] = await db.select().from(agents).where(eq(agents.id, environment.agentId));
  if (!agent?.online)
    throw new GalleyError("agent_lost_contact", `The agent that holds ${environment.name} is away.`, {
      hint: "`galley agent ls` says since when.",
    });
  return { agent: agent.id, project: environment.projectId };
}

/** Lines in batches, with the project's secrets masked; an empty batch now and then, where nothing is printed. Throws as `askRuntime`. */
export async function* readLines(
  { db, ask, maskOf }: AskDeps,
  environment: string,
  question: LogsQuestion,
  signal: AbortSignal,
): AsyncGenerator<RuntimeLine[]> {
  const { agent, project } = await holderOf(db, environment);
  for await (const reply of ask(agent, { type: "logs", environment, ...question }, signal)) {
    if (reply.type !== "lines") continue;
    const mask = await maskOf(db, project);
    yield reply.lines.map((line) => ({ ...line, text: mask(line.text) }));
  }
}

/** What the services use now. */
export async function readUsage(
  { db, ask }: AskDeps,
  environment: string,
  signal: AbortSignal,
): Promise<z.infer<typeof serviceUsage>[]> {
  const { agent } = await holderOf(db, environment);
  for await (const reply of ask(agent, { type: "stats", environment }, signal))
    if (reply.type === "stats") return reply.services;
  throw new GalleyError("agent_lost_contact", "The agent has not said what its services use.");
}
