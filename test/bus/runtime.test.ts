import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AgentCommand,
  askRuntime,
  type BusConnection,
  onCommand,
  type RuntimeReply,
  runtimeWindow,
  sendRuntime,
} from "../../src/bus/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { startBus, type TestAgent, type TestBus } from "../support/bus.js";

let bus: TestBus;
let server: BusConnection;
let agent: TestAgent;
let mallory: TestAgent;
beforeAll(async () => {
  bus = await startBus();
  server = await bus.connectServer();
  [agent, mallory] = await Promise.all([bus.connectAgent("a1"), bus.connectAgent("mallory")]);
});
afterAll(() => bus.remove());

const question = {
  type: "logs",
  environment: "env1",
  service: null,
  since: null,
  tail: 5,
  follow: true,
} as const;
const line = { service: "web", stream: "stdout", at: "2026-11-22T17:00:00.000Z", text: "hello" } as const;

type Reply = RuntimeReply extends infer One ? (One extends RuntimeReply ? Omit<One, "v"> : never) : never;

/** Asks `a1`, and hears what it is told as that agent. */
async function asked(more: { signal?: AbortSignal; silenceMs?: number } = {}) {
  const commands: AgentCommand[] = [];
  let told: (request: string) => void = () => {};
  const request = new Promise<string>((resolve) => {
    told = resolve;
  });
  const hearing = await onCommand({
    connection: agent.connection,
    agent: "a1",
    log: bus.log,
    handler: (command) => {
      commands.push(command);
      if (command.type === "logs") told(command.request);
    },
  });
  const replies = askRuntime({
    connection: server,
    agent: "a1",
    ask: question,
    log: bus.log,
    signal: AbortSignal.timeout(60_000),
    ...more,
  });
  const first = replies.next();
  first.catch(() => {}); // the test looks at it
  const id = await request;
  const say = (reply: Reply, as = agent, of = "a1") =>
    sendRuntime(as.connection, of, id, { v: 1, ...reply } as RuntimeReply);
  return { commands, replies, first, say, close: () => hearing.close() };
}

test("an agent's answers come in order until their end, and the agent is told that the reader leaves", async () => {
  const { commands, replies, first, say, close } = await asked();
  expect(commands[0]).toMatchObject({ v: 1, ...question });
  say({ n: 1, type: "lines", lines: [] });
  say({ n: 2, type: "lines", lines: [line] });
  say({ n: 3, type: "end", error: null });
  expect((await first).value).toMatchObject({ n: 1, lines: [] });
  expect((await replies.next()).value).toMatchObject({ n: 2, lines: [line] });
  expect((await replies.next()).done).toBe(true);
  await expect.poll(() => commands.at(-1)?.type).toBe("leave");
  close();
});

test("the agent is told how much is taken, as it is taken", async () => {
  const { commands, replies, first, say, close } = await asked();
  for (let n = 1; n <= runtimeWindow; n++) say({ n, type: "lines", lines: [line] });
  await first;
  for (let n = 2; n <= runtimeWindow; n++) await replies.next();
  const next = awaitedLater(replies.next());
  await expect
    .poll(() => commands.filter(({ type }) => type === "more"))
    .toMatchObject([{ upTo: 1.5 * runtimeWindow }, { upTo: 2 * runtimeWindow }]);
  say({ n: runtimeWindow + 1, type: "end", error: null });
  expect((await next).done).toBe(true);
  close();
});

test("what an agent could not do is told with its code, a message that is lost is seen, and so is silence", async () => {
  const failing = await asked();
  failing.say({ n: 1, type: "end", error: { code: "engine_unreachable", message: "Away.", hint: "Look." } });
  await expect(failing.first).rejects.toMatchObject({
    code: "engine_unreachable",
    message: "Away.",
    hint: "Look.",
  });
  failing.close();

  const lossy = await asked();
  lossy.say({ n: 2, type: "lines", lines: [line] });
  await expect(lossy.first).rejects.toMatchObject({ code: "bus_unreachable" });
  lossy.close();

  const silent = await asked({ silenceMs: 100 });
  await expect(silent.first).rejects.toMatchObject({ code: "agent_lost_contact" });
  await expect.poll(() => silent.commands.at(-1)?.type).toBe("leave");
  silent.close();
});

test("a reader that goes away ends it on both sides", async () => {
  const gone = new AbortController();
  const { commands, first, close } = await asked({ signal: gone.signal });
  gone.abort();
  await expect(first).rejects.toThrow();
  await expect.poll(() => commands.at(-1)?.type).toBe("leave");
  close();
});

test("nobody else can answer for an agent", async () => {
  const { first, say, close } = await asked();
  say({ n: 1, type: "lines", lines: [{ ...line, text: "forged" }] }, mallory, "a1");
  await mallory.connection.nats.flush();
  say({ n: 1, type: "lines", lines: [line] });
  expect((await first).value).toMatchObject({ n: 1, lines: [line] });
  close();
});
