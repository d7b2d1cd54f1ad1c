// An agent as the server meets it: it introduces itself, holds its credential, pulls, claims and tells; what it tells is up to the test.
import { randomUUID } from "node:crypto";
import {
  type AgentCommand,
  type BusConnection,
  type ClaimedMessage,
  type ClaimReply,
  claimReply,
  connectBus,
  createAgentKey,
  type HandBackReply,
  type Heartbeat,
  handBackReply,
  onCommand,
  openJobQueue,
  request,
  type SyncReply,
  type SyncRequest,
  sendHeartbeat,
  subjects,
  syncReply,
} from "../../src/bus/index.js";
import type { TestBus } from "../support/bus.js";

export interface Admission {
  readonly agent: { readonly id: string; readonly name: string };
  readonly jwt: string;
  readonly expiresAt: string;
  readonly renewAfter: string;
}

type Granted = Extract<ClaimReply, { granted: true }>;

export interface TestAgent {
  readonly id: string;
  readonly connection: BusConnection;
  readonly key: { readonly publicKey: string; readonly seed: string };
  /** Commands that have come. */
  readonly commands: AgentCommand[];
  /** Sends a heartbeat, now and each second, until `hush`. What it says stays until it says otherwise. */
  beat(more?: Partial<Heartbeat>): void;
  hush(): void;
  /** The next job that the bus delivers. */
  next(): Promise<ClaimedMessage>;
  claim(deployment: string, claim?: string): Promise<ClaimReply>;
  handBack(deployment: string, attempt: number): Promise<HandBackReply>;
  sync(
    running: { deployment: string; attempt: number }[],
    environments: string[],
    more?: Partial<SyncRequest>,
  ): Promise<SyncReply>;
  /** Takes the next job and claims it; fails when that is refused. */
  take(): Promise<Work>;
  close(): Promise<void>;
}

export interface Work {
  readonly granted: Granted;
  readonly message: ClaimedMessage;
  readonly deployment: string;
  /** The events as they would be sent, numbered on from those before. */
  events(...bodies: object[]): object[];
  /** Sends them as one message, and waits until the bus has it. */
  tell(...bodies: object[]): Promise<void>;
  log(...lines: string[]): Promise<void>;
  /** Takes the job out of the queue, so that it does not come again in the middle of another test. */
  settle(): Promise<void>;
  /** Tells the end, then settles. */
  finish(outcome: string, more?: object): Promise<void>;
}

export async function exchange(url: string, token: string, publicKey: string): Promise<Response> {
  return fetch(`${url}/api/v1/agents/bootstrap`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ v: 1, publicKey, version: "0.1.0" }),
  });
}

export async function createTestAgent(
  bus: TestBus,
  { url, token }: { url: string; token: string },
): Promise<TestAgent> {
  const key = createAgentKey();
  const answer = await exchange(url, token, key.publicKey);
  if (answer.status !== 200) throw new Error(`no credential: ${await answer.text()}`);
  const admission = (await answer.json()) as Admission;
  const { id } = admission.agent;
  const connection = await connectBus({
    servers: bus.server.url,
    credential: () => admission.jwt,
    seed: key.seed,
    inbox: subjects.inbox(id),
    name: id,
    log: bus.log,
    signal: AbortSignal.timeout(90_000),
  });
  const commands: AgentCommand[] = [];
  const hearing = await onCommand({
    connection,
    agent: id,
    log: bus.log,
    handler: (command) => void commands.push(command),
  });
  const jobs = openJobQueue({ connection, agent: id, log: bus.log });
  const claim: TestAgent["claim"] = (deployment, claim = randomUUID()) =>
    request(connection, id, "claim", { v: 1, deployment, claim }, claimReply);

  let beating: NodeJS.Timeout | undefined;
  let said: Omit<Heartbeat, "v" | "at"> = {
    version: "0.1.0",
    draining: false,
    slots: 4,
    running: [],
    engine: { version: "28.0.0", api: "1.48", store: "overlay2" },
    disk: { free: 1e9, total: 2e9 },
    unsent: 0,
  };

  return {
    id,
    connection,
    key,
    commands,
    beat: (more = {}) => {
      said = { ...said, ...more };
      const say = () => sendHeartbeat(connection, id, { v: 1, at: new Date().toISOString(), ...said });
      clearInterval(beating);
      beating = setInterval(say, 1000);
      say();
    },
    hush: () => clearInterval(beating),
    next: () => jobs.next(AbortSignal.timeout(90_000)),
    claim,
    handBack: (deployment, attempt) =>
      request(connection, id, "hand-back", { v: 1, deployment, attempt }, handBackReply),
    sync: (running, environments, more = {}) =>
      request(connection, id, "sync", { v: 1, running, environments, ...more }, syncReply),
    take: async () => {
      const message = await jobs.next(AbortSignal.timeout(90_000));
      const reply = await claim(message.message.deployment);
      if (!reply.granted) throw new Error(`the claim was refused: ${reply.reason}`);
      return work(connection, id, message, reply);
    },
    close: async () => {
      clearInterval(beating);
      jobs.close();
      hearing.close();
      await connection.close();
    },
  };
}

/** A job that was claimed. */
export function work(
  connection: BusConnection,
  agent: string,
  message: ClaimedMessage,
  granted: Granted,
): Work {
  const { deployment } = message.message;
  const { job, attempt } = granted;
  let seq = 0;
  let settled = false;
  const settle = async () => {
    if (settled) return;
    settled = true;
    await message.ack(AbortSignal.timeout(60_000));
  };
  const events: Work["events"] = (...bodies) =>
    bodies.map((body) => {
      seq += 1;
      return {
        v: 1,
        id: `${deployment}-${attempt}-${seq}`,
        at: new Date().toISOString(),
        agent,
        project: job.project.id,
        environment: job.environment.id,
        deployment,
        attempt,
        seq,
        ...body,
      };
    });
  return {
    granted,
    message,
    deployment,
    events,
    tell: (...bodies) => publish(connection, subjects.events(agent, deployment), events(...bodies)),
    log: (...lines) =>
      publish(connection, subjects.logs(agent, deployment), events(...lines.map((text) => logEvent(text)))),
    finish: async (outcome, more = {}) => {
      const body = {
        type: "deployment.finished",
        outcome,
        commit: null,
        url: null,
        services: [],
        duration: 5,
        error: null,
      };
      await publish(connection, subjects.events(agent, deployment), events({ ...body, ...more }));
      await settle();
    },
    settle,
  };
}

export const logEvent = (text: string, service = "web") => ({
  service,
  type: "step.log",
  step: "sha256:a",
  clipped: false,
  lines: [{ stream: "stdout", text, at: new Date().toISOString() }],
});

export const stateEvent = (state: string) => ({ type: "deployment.state", state });

/** As the bus takes it, whatever it is. */
export async function publish(
  connection: BusConnection,
  subject: string,
  events: unknown[] | Uint8Array | string,
): Promise<void> {
  const body = Array.isArray(events) ? JSON.stringify({ v: 1, events }) : events;
  await connection.nats.jetstream().publish(subject, body, { timeout: 10_000 });
}
