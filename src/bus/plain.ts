import type { NatsError } from "nats";
import type { z } from "zod";
import { GalleyError } from "../errors/index.js";
import type { BusConnection } from "./connection.js";
import type { BusLog } from "./log.js";
import { type AgentCommand, agentCommand, type Heartbeat, heartbeat } from "./messages.js";
import { parseBody } from "./receive.js";
import { subjects } from "./subjects.js";

// Messages without an answer or a memory: who is not there misses them, and nothing depends on one of them.

const largest = 256 * 1024;

/** False when there is no connection: then it is not sent, now or later. */
export function sendHeartbeat(connection: BusConnection, agent: string, beat: Heartbeat): boolean {
  return send(connection, subjects.heartbeat(agent), beat);
}

/** Advisory: false when there is no connection, and true says only that there is one. */
export function sendCommand(connection: BusConnection, agent: string, command: AgentCommand): boolean {
  return send(connection, subjects.command(agent), command);
}

/** Without an answer; false when there is no connection. */
export function send(connection: BusConnection, subject: string, body: unknown): boolean {
  if (!connection.connected) return false;
  connection.nats.publish(subject, JSON.stringify(body));
  return true;
}

export interface HeartbeatsOptions {
  readonly connection: BusConnection;
  readonly log: BusLog;
  /** `agent` is whose credential sent it. Must not throw. */
  readonly handler: (agent: string, beat: Heartbeat) => void;
}

/** Hears every agent's heartbeats. Resolves when the bus knows that we listen. */
export const onHeartbeat = ({ connection, log, handler }: HeartbeatsOptions): Promise<{ close(): void }> =>
  listen(connection, log, "galley.heartbeat.*", heartbeat, (subject, beat) =>
    handler(subject.split(".")[2] ?? "", beat),
  );

export interface CommandsOptions {
  readonly connection: BusConnection;
  readonly agent: string;
  readonly log: BusLog;
  /** Must not throw. */
  readonly handler: (command: AgentCommand) => void;
}

/** Hears what the server tells this agent. Resolves when the bus knows that we listen. */
export const onCommand = ({ connection, agent, log, handler }: CommandsOptions): Promise<{ close(): void }> =>
  listen(connection, log, subjects.command(agent), agentCommand, (_, command) => handler(command));

async function listen<T>(
  connection: BusConnection,
  log: BusLog,
  subject: string,
  schema: z.ZodType<T>,
  handler: (subject: string, body: T) => void,
): Promise<{ close(): void }> {
  const subscription = connection.nats.subscribe(subject, {
    callback: (error: NatsError | null, message) => {
      if (error) return log.error({ subject, error: error.message }, "messages are not heard");
      try {
        handler(message.subject, parseBody(message, schema, largest));
      } catch (error) {
        log.warn({ subject: message.subject, error: (error as Error).message }, "a message was dropped");
      }
    },
  });
  await connection.nats.flush().catch((error: unknown) => {
    throw new GalleyError("bus_unreachable", "The connection to the bus was lost.", { cause: error });
  });
  return { close: () => subscription.unsubscribe() };
}
