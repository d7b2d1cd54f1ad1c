import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { Resting } from "./resting.js";

const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Containers that take as long as the test wants. */
function setUp() {
  const over = new AbortController();
  const calls: { kind: string; signal: AbortSignal; end: (error?: Error) => void }[] = [];
  const act = (kind: string) => (_environment: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      calls.push({ kind, signal, end: (error) => (error ? reject(error) : resolve()) });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  let told = () => {};
  const outcome = () => new Promise<void>((resolve) => (told = resolve));
  const resting = new Resting({
    act: { hibernate: act("hibernate"), wake: act("wake") },
    onOutcome: () => told(),
    log,
    signal: over.signal,
  });
  return { resting, calls, outcome, over };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("what was done is told until the server has heard it", async () => {
  const { resting, calls, outcome } = setUp();
  const told = outcome();
  resting.begin("hibernate", "e");
  resting.begin("hibernate", "e");
  await turn();
  expect(calls, "the same is not done twice at once").toHaveLength(1);
  calls[0]?.end();
  await told;
  const outcomes = resting.outcomes();
  expect(outcomes).toEqual([{ environment: "e", state: "hibernating", error: null }]);
  resting.told(outcomes);
  expect(resting.outcomes()).toEqual([]);
});

test("what could not be done is told with its reason", async () => {
  const { resting, calls, outcome } = setUp();
  const told = outcome();
  resting.begin("wake", "e");
  await turn();
  calls[0]?.end(new GalleyError("container_unhealthy", "web does not answer", { hint: "Look." }));
  await told;
  expect(resting.outcomes()).toEqual([
    {
      environment: "e",
      state: "running",
      error: { code: "container_unhealthy", message: "web does not answer", hint: "Look." },
    },
  ]);
});

test("the opposite ends what is under way, and is begun when that has ended", async () => {
  const { resting, calls, outcome } = setUp();
  const told = outcome();
  resting.begin("hibernate", "e");
  await turn();
  resting.begin("wake", "e");
  await turn();
  expect(calls.map(({ kind, signal }) => [kind, signal.aborted])).toEqual([
    ["hibernate", true],
    ["wake", false],
  ]);
  calls[1]?.end();
  await told;
  expect(resting.outcomes()).toEqual([{ environment: "e", state: "running", error: null }]);
});

test("a deployment ends what is under way in its environment, and has it for itself", async () => {
  const { resting, calls } = setUp();
  resting.begin("wake", "e");
  await turn();
  await resting.during("e", async () => {
    expect(calls[0]?.signal.aborted).toBe(true);
    resting.begin("wake", "e");
    await turn();
  });
  expect(calls).toHaveLength(1);
  expect(resting.outcomes()).toEqual([]);
  resting.begin("wake", "e");
  await turn();
  expect(calls).toHaveLength(2);
});

test("something else is done where nothing is under way, and what comes meanwhile waits for its end", async () => {
  const { resting, calls } = setUp();
  const done: string[] = [];
  let end = () => {};
  const alone = (name: string) =>
    resting.alone("e", async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      done.push(name);
    });
  const first = alone("first");
  await alone("second");
  expect(done, "not beside another").toEqual([]);
  const deployment = resting.during("e", async () => {
    done.push("deployment");
    await alone("third");
  });
  await turn();
  expect(done).toEqual([]);
  end();
  await Promise.all([first, deployment]);
  expect(done).toEqual(["first", "deployment"]);
  resting.begin("wake", "e");
  await turn();
  expect(calls).toHaveLength(1);
  await alone("fourth");
  expect(done).toEqual(["first", "deployment"]);
  await expect(resting.alone("f", () => Promise.reject(new Error("no engine")))).rejects.toThrow("no engine");
});

test("the agent's end ends it all without an outcome", async () => {
  const { resting, calls, over } = setUp();
  resting.begin("wake", "e");
  await turn();
  over.abort();
  await resting.ended();
  expect(calls[0]?.signal.aborted).toBe(true);
  expect(resting.outcomes()).toEqual([]);
});
