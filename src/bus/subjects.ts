import { GalleyError } from "../errors/index.js";

// Subjects carry the ids of agent and deployment, so that a credential's permissions can be scoped to one agent.

/** Names of the JetStream streams. */
export const streams = { jobs: "JOBS", events: "EVENTS", logs: "LOGS" } as const;

/** Ids are made by the server (`newId` there): they are safe as a token of a subject, a label's value and a file's name. */
const idPattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Refuses what would change the meaning of a subject, such as `*`, `>` or a dot. */
function token(id: string): string {
  if (!idPattern.test(id)) throw new GalleyError("bus_message_invalid", `${JSON.stringify(id)} is no id.`);
  return id;
}

export const subjects = {
  /** Server to agent through JOBS: there is work. One message a deployment. */
  jobs: (agent: string) => `galley.jobs.${token(agent)}`,
  /** Agent to server through EVENTS: batches of events but log lines. */
  events: (agent: string, deployment: string) => `galley.events.${token(agent)}.${token(deployment)}`,
  /** Agent to server through LOGS: batches of `step.log` events. */
  logs: (agent: string, deployment: string) => `galley.logs.${token(agent)}.${token(deployment)}`,
  /** Server to agent, plain: advisory, as the agent may be away; `sync` tells what holds. */
  command: (agent: string) => `galley.cmd.${token(agent)}`,
  /** Agent to server, plain, every `heartbeatMs`. */
  heartbeat: (agent: string) => `galley.heartbeat.${token(agent)}`,
  /** Agent to server, plain: answers to one request of a server, which listens there alone. */
  runtime: (agent: string, request: string) => `galley.rt.${token(agent)}.${token(request)}`,
  /** Agent to server, request and reply. */
  rpc: (agent: string, verb: RpcVerb) => `galley.rpc.${token(agent)}.${verb}`,
  /** Where replies to an agent arrive. Its permissions allow no other, and servers answer nowhere else. */
  inbox: (agent: string) => `_INBOX_${token(agent)}`,
} as const;

export type RpcVerb = "cache-notice" | "claim" | "hand-back" | "notice" | "sync";

/** Name of an agent's durable pull consumer on JOBS; the server makes it, the agent may only pull from it. */
export const jobConsumer = (agent: string) => `agent-${token(agent)}`;

/** Milliseconds between heartbeats; an agent is offline after three that did not come. */
export const heartbeatMs = 10_000;
