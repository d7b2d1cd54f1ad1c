import { afterAll, beforeAll, expect, test } from "vitest";
import { logEvent, type TestAgent } from "../queue/agent.js";
import { quick, startWorld, type World } from "../queue/world.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
let world: World;
let agent: TestAgent;
let person: Person;
beforeAll(async () => {
  // The agents of these tests do not say what they run.
  world = await startWorld(databases, { ...quick, forgottenMs: 600_000, unclaimedMs: 600_000 });
  agent = await world.agent("one", { slots: 100 });
  person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
});
afterAll(async () => {
  person?.remove();
  await world?.remove();
  databases.remove();
});

let pr = 0;
const url = "http://pr-1-shop.localhost:8000";

test("environments are listed and shown with what was deployed to them", async () => {
  expect(await person.good(["env", "ls"])).toContain("No environments");
  const { id } = await world.deploy({ pr: ++pr });
  const work = await agent.take();
  const commit = "c".repeat(40);
  await work.tell({
    ...{ type: "deployment.source", commit, ref: "refs/pull/1/head" },
    ...{ subject: "Make it blue \u001b[31m", author: "Ada" },
  });
  await work.finish("running", { url, commit });
  await world.deployment(id, ({ final }) => final);
  expect(await person.good(["env", "ls", "--project", "shop"])).toMatch(
    new RegExp(
      `^ENVIRONMENT +STATE +CHANGED +EXPIRES +URL\nshop/pr-${pr} +running +.* +in 13d 23h +${url}\n$`,
    ),
  );
  const shown = await person.good(["env", "show", `shop/pr-${pr}`]);
  expect(shown).toMatch(new RegExp(`url +${url}`));
  expect(shown).toMatch(new RegExp(`${id} +deploy +running .*cccccccccccc +Make it blue`));
  expect(shown).not.toContain("\u001b");
  expect(await person.json(["env", "show", `shop/pr-${pr}`])).toMatchObject({
    name: `pr-${pr}`,
    deployments: [{ id, state: "running" }],
  });
  expect(await person.good(["env", "show", id])).toMatch(new RegExp(`commit +${commit}`));
});

test("logs are printed with their services, of one service alone, as JSON, and as they come", async () => {
  const { id } = await world.deploy({ pr: ++pr });
  const work = await agent.take();
  await work.log("one \u001b[31mred\u001b[0m", "two");
  await work.tell(logEvent("from the worker", "worker"));
  await world.until<{ lines: object[] }>(`/deployments/${id}/logs`, ({ lines }) => lines.length === 3);
  const name = `shop/pr-${pr}`;
  expect(await person.good(["env", "logs", name])).toBe(
    "web | one red\nweb | two\nworker | from the worker\n",
  );
  expect(await person.good(["env", "logs", name, "--service", "web"])).toBe("one red\ntwo\n");
  const json = (await person.good(["env", "logs", id, "--json"])).trimEnd().split("\n");
  expect(json.map((line) => JSON.parse(line).text)).toEqual([
    "one \u001b[31mred\u001b[0m",
    "two",
    "from the worker",
  ]);
  const following = person.start(["env", "logs", name, "--follow", "--service", "web"]);
  await following.saw("two");
  await work.log("three");
  await following.saw("three");
  await work.finish("running", { url });
  expect(await following.done).toMatchObject({ code: 0, stdout: "one red\ntwo\nthree\n" });
});

test("a queued deployment is cancelled at once, one under way by its agent, and one that is over not at all", async () => {
  const { id } = await world.deploy({ pr: ++pr });
  const work = await agent.take();
  expect(await person.good(["env", "cancel", `shop/pr-${pr}`])).toContain(`${id} is being cancelled`);
  await work.finish("cancelled");
  await world.deployment(id, ({ state }) => state === "cancelled");
  const over = await person.run(["env", "cancel", id]);
  expect(over.code).toBe(1);
  const nothing = await person.run(["env", "cancel", `shop/pr-${pr}`]);
  expect(nothing.code).toBe(1);
  expect(nothing.stderr).toContain("no deployment that is queued or under way");
});

test("an environment is taken down, and the command waits for it with --follow", async () => {
  await world.deploy({ pr: ++pr });
  await (await agent.take()).finish("running", { url });
  const name = `shop/pr-${pr}`;
  await world.until<{ environments: { name: string; state: string }[] }>(
    "/environments",
    ({ environments }) => environments.some((each) => each.name === `pr-${pr}` && each.state === "running"),
  );
  const ending = person.start(["env", "terminate", name, "--follow", "--progress", "plain"]);
  const work = await agent.take();
  expect(work.granted.job.kind).toBe("terminate");
  await work.finish("terminated");
  const { code, stdout, stderr } = await ending.done;
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: "" });
  expect(stderr).toContain(`${name} is taken down`);
  expect((await person.json(["env", "show", name])).state).toBe("terminated");
});

test.each([
  [["env", "show", "pr-1"], 2, "PROJECT/pr-7"],
  [["env", "show", "shop/pr-999"], 1, "no environment"],
  [["env", "show", "nowhere/pr-1"], 1, "no project"],
  [["env", "show", "dep0000000000000000"], 1, "no deployment"],
  [["env", "terminate", "shop/pr-1", "--follow", "--progress", "loud"], 2, "loud"],
])("galley %j is refused", async (args, expected, sentence) => {
  const { code, stderr } = await person.run(args);
  expect(code, stderr).toBe(expected);
  expect(stderr).toContain(sentence);
});
