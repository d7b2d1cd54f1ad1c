import { expect, test } from "vitest";
import { recorded, TestClock, TestOutput, timeOf } from "../../../test/progress/recorded.js";
import { BuildEvents, chooseProgress } from "../../buildkit/index.js";
import { DeploymentScreen } from "./deployment-screen.js";

const first = Math.min(
  ...recorded("28c-basic")
    .map(timeOf)
    .filter((time) => time > 0),
);
/** Half a second before the recorded build. */
const began = new Date(first - 500).toISOString();

function screen(mode: "plain" | "tty" | "json" | "quiet") {
  const output = new TestOutput();
  const settings = { ...chooseProgress({ mode: "plain", env: {}, output }), mode };
  const clock = new TestClock(Date.parse(began));
  const signal = new AbortController().signal;
  return { output, clock, screen: new DeploymentScreen({ settings, output, clock, signal }) };
}

const event = (body: object) => ({ attempt: 1, seq: 1, at: began, ...body });
const plan = event({
  type: "deployment.plan",
  services: [
    { name: "web", kind: "build", action: "build", image: null, url: null },
    { name: "db", kind: "image", action: "pull", image: "postgres:16", url: null },
  ],
});
/** With the times at which they were made. */
const build = (name: string, service: string) => {
  const events = new BuildEvents();
  const statuses = recorded(name);
  let now = Math.min(...statuses.map(timeOf).filter((time) => time > 0));
  const told = [
    ...events.start().map((each) => ({ ...each, at: new Date(now).toISOString() })),
    ...statuses.flatMap((status) => {
      now = Math.max(now, timeOf(status));
      return events.update(status, now).map((each) => ({ ...each, at: new Date(now).toISOString() }));
    }),
    ...events.finish({ kind: "built", image: "sha256:f00" }, now),
  ];
  return told.map((each) => event({ service, at: new Date(now).toISOString(), ...each }));
};

test("what is done before the builds and after them is told in lines, in their order", async () => {
  const { output, screen: shown } = screen("plain");
  for (const each of [
    event({ type: "deployment.state", state: "claimed" }),
    event({ type: "deployment.state", state: "preparing" }),
    event({ type: "deployment.note", text: "fetching refs/pull/7/head\u001b[2J" }),
    event({
      ...{ type: "deployment.source", commit: "c".repeat(40), ref: "refs/pull/7/head" },
      ...{ subject: "Make it blue", author: "Ada" },
    }),
    plan,
    event({ service: "db", type: "service.state", state: "pulling", detail: "postgres:16" }),
    event({ service: "db", type: "service.state", state: "starting", detail: null }),
    event({ service: "db", type: "service.state", state: "healthy", detail: null }),
    event({ type: "deployment.finished", outcome: "running" }),
    event({ type: "something.new", text: "from a later version" }),
  ])
    await shown.show(each);
  await shown.close();
  expect(output.lines.filter((line) => line !== "")).toEqual([
    "preparing",
    "fetching refs/pull/7/head",
    "commit cccccccccccc Make it blue (Ada)",
    "[db] pulling: postgres:16",
    "[db] starting",
    "[db] healthy",
  ]);
});

test("on a terminal, builds that are joined late have the time that they took, and not that of our looking", async () => {
  const { output, clock, screen: shown } = screen("tty");
  clock.advance(3600_000);
  await shown.show(event({ type: "deployment.note", text: "fetching" }));
  await shown.show(plan);
  for (const each of build("28c-basic", "web")) await shown.show(each);
  await shown.show(event({ service: "db", type: "service.state", state: "healthy", detail: null }));
  await shown.show(event({ type: "deployment.finished", outcome: "running" }));
  await shown.close();
  expect(output.text.startsWith("fetching\n")).toBe(true);
  const last = output.text.slice(output.text.lastIndexOf("\u001b[?2026h"));
  expect(last).toContain("Finished  2 of 2 done");
  const [, seconds] = /✓ web +built +1 of 13 steps cached +(\d+\.\d) s/.exec(last) ?? [];
  expect(Number(seconds)).toBeGreaterThan(1);
  expect(Number(seconds)).toBeLessThan(60);
  expect(last).toMatch(/✓ db +reused +healthy/);
});

test("on a terminal, what holds for the whole stands beside the builds that go on", async () => {
  const { output, clock, screen: shown } = screen("tty");
  shown.announce("shop/pr-7 waits for an agent");
  expect(output.text).toBe("shop/pr-7 waits for an agent\n");
  await shown.show(plan);
  shown.announce("connection lost, trying again");
  clock.advance(200);
  for (const service of ["web", "db"])
    expect(output.text).toMatch(new RegExp(`${service} +waiting +connection lost, trying again`));
  await shown.close();
});

test("another attempt is shown anew below what was shown of the one before", async () => {
  const { output, screen: shown } = screen("plain");
  await shown.show(plan);
  for (const each of build("28c-basic", "web").slice(0, 20)) await shown.show(each);
  for (const each of [plan, ...build("28c-basic", "web")]) await shown.show({ ...each, attempt: 2 });
  await shown.close();
  const at = output.lines.indexOf("attempt 2: the one before came to no end");
  expect(at).toBeGreaterThan(5);
  expect(output.lines.slice(0, at).join("\n")).not.toContain("[web] built");
  expect(output.lines.slice(at).filter((line) => line.startsWith("[web] built"))).toHaveLength(1);
  expect(output.lines.slice(at).some((line) => line.startsWith("#1 ["))).toBe(true);
});

test("as JSON, events wait for a reader who is slow, and none is left out", async () => {
  const { output, screen: shown } = screen("json");
  output.ready = false;
  let done = false;
  const showing = shown.show(event({ type: "deployment.note", text: "a\u009b2J" })).then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(done).toBe(false);
  output.drain();
  await showing;
  expect(output.lines).toHaveLength(1);
  expect(output.text).not.toContain("\u009b");
  expect(JSON.parse(output.text)).toMatchObject({ text: "a\u009b2J" });
});

test("quiet shows a failed build and nothing else", async () => {
  const { output, screen: shown } = screen("quiet");
  await shown.show(event({ type: "deployment.note", text: "fetching" }));
  for (const each of build("28c-basic", "web").slice(0, -1)) await shown.show(each);
  const error = { code: "step_failed", message: "It failed.", hint: "Look." };
  await shown.show(event({ service: "web", type: "build.finished", outcome: "failed", error }));
  await shown.close();
  expect(output.text).toMatch(/^✕ web could not be built: It failed\.\n\n {2}What to do: Look\.\n/);
  expect(shown.failureShown).toBe(true);
});
