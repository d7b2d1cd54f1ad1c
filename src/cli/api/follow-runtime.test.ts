import { expect, test } from "vitest";
import { GalleyError } from "../../errors/index.js";
import { followRuntime } from "./follow-runtime.js";
import type { RuntimeLogsQuestion } from "./runtime-lines.js";

const question = { environment: "env1", service: undefined, since: undefined, tail: "0", follow: true };
const line = (text: string, second: number) => ({
  service: "web",
  stream: "stdout",
  text,
  at: new Date(Date.UTC(2026, 0, 1, 12) + second * 1000).toISOString(),
});
type Line = ReturnType<typeof line>;
const away = new GalleyError("agent_lost_contact", "The agent is away.");
const start = "2026-01-01T11:59:00.000Z";

/** Connections, one after the other: lines that come, and how each ends; `refused` ones are never open. */
async function follow(connections: { refused?: Error; lines?: Line[]; error?: Error }[], giveUpMs = 60_000) {
  const asked: RuntimeLogsQuestion[] = [];
  const told: string[] = [];
  const over = new AbortController();
  async function* lines(one: RuntimeLogsQuestion, onOpen: (time: string | undefined) => void) {
    asked.push(one);
    const connection = connections.shift();
    if (!connection) {
      over.abort(new Error("the test is over"));
      over.signal.throwIfAborted();
    }
    if (connection?.refused) throw connection.refused;
    onOpen(start);
    yield* connection?.lines ?? [];
    if (connection?.error) throw connection.error;
  }
  const options = {
    lines,
    onLost: () => void told.push("(lost)"),
    onBack: () => void told.push("(back)"),
    signal: over.signal,
    times: { firstPauseMs: 1, giveUpMs },
  };
  let error: unknown;
  try {
    for await (const { text } of followRuntime(question, options)) told.push(text);
  } catch (thrown) {
    error = thrown;
  }
  return { asked, told, error };
}

test("after a lost connection it goes on with what has come since, and says so once", async () => {
  const cut = new GalleyError("control_plane_unreachable", "cut");
  const { asked, told } = await follow([
    { lines: [line("one", 1), line("two", 2)], error: cut },
    { refused: cut },
    { refused: away },
    { lines: [line("one", 1), line("two", 2), line("three", 3)] },
    { lines: [line("three", 3), line("four", 4)], error: away },
  ]);
  expect(told).toEqual(["one", "two", "(lost)", "(back)", "three", "(lost)", "(back)", "four", "(lost)"]);
  expect(asked[0]).toEqual(question);
  expect(asked[1]).toEqual({ ...question, since: line("", -28).at, tail: "10000" });
});

test("where nothing had come it is asked for from the time of the first connection", async () => {
  const { asked } = await follow([{ error: away }, { lines: [] }]);
  expect(asked[1]).toEqual({ ...question, since: start, tail: "10000" });
  // Nor from before that, when something had.
  const early = await follow([{ lines: [line("one", -3_590)], error: away }, { lines: [] }]);
  expect(early.asked[1]).toEqual({ ...question, since: start, tail: "10000" });
});

test("what is refused at first, or for good, or for too long is thrown", async () => {
  expect((await follow([{ refused: away }])).error).toBe(away);
  const gone = new GalleyError("conflict", "pr-1 has no containers.");
  expect(await follow([{ lines: [line("one", 1)] }, { refused: gone }])).toMatchObject({ error: gone });
  const { error } = await follow([{ error: away }, ...Array(50).fill({ refused: away })], 5);
  expect(error).toBe(away);
});
