import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { onCommand, type RuntimeReply, sendRuntime } from "../../src/bus/index.js";
import { logEvent, type TestAgent } from "../queue/agent.js";
import { quick, standingWorld, type World } from "../queue/world.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
let world: World;
let agent: TestAgent;
let person: Person;
// Called last, as hooks of the end are in the other order.
afterAll(() => databases.remove());
// The agents of these tests do not say what they run.
const standing = standingWorld(databases, { ...quick, forgottenMs: 600_000, unclaimedMs: 600_000 });
beforeEach(async () => {
  ({ world, agent } = await standing());
  person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
});
afterEach(() => person?.remove());

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
    new RegExp(`^ENVIRONMENT +STATE +CHANGED +EXPIRES +URL\nshop/pr-${pr} +running +.* +in 13d +${url}\n$`),
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

/** The agent tells that it has done what was wanted, and what else it has: all that these tests have made. */
const rests = async (environment: string, state: "hibernating" | "running") => {
  const { body } = await world.call<{ environments: { id: string }[] }>("GET", "/environments");
  await agent.sync(
    [],
    body.environments.map(({ id }) => id),
    { rested: [{ environment, state, error: null }] },
  );
};

test("an environment is pinned, extended, hibernated and woken, and says so", async () => {
  const { environment } = await world.deploy({ pr: ++pr });
  await (await agent.take()).finish("running", { url });
  const name = `shop/pr-${pr}`;
  await world.until<{ state: string }>(`/environments/${environment.id}`, ({ state }) => state === "running");
  expect(await person.good(["env", "pin", name])).toBe(`${name} does not expire while it is pinned.\n`);
  expect(await person.good(["env", "show", name])).toMatch(/expires +pinned/);
  expect(await person.good(["env", "unpin", name])).toMatch(/ expires in 13d/);
  expect(await person.good(["env", "extend", name, "--for", "2d"])).toMatch(/ expires in 15d/);
  const refused = await person.run(["env", "extend", name, "--for", "soon"]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("must be a duration");

  const sleeping = person.start(["env", "hibernate", name, "--wait"]);
  await world.until<{ desired: string }>(
    `/environments/${environment.id}`,
    ({ desired }) => desired === "asleep",
  );
  await rests(environment.id, "hibernating");
  expect(await sleeping.done).toMatchObject({ code: 0, stdout: `${name} hibernates.\n` });
  expect(await person.good(["env", "wake", name])).toBe(`${name} is being woken.\n`);
  expect(await person.good(["env", "show", name])).toMatch(/state +hibernating, being woken/);
  await rests(environment.id, "running");
  const shown = await person.good(["env", "show", name]);
  expect(shown).toMatch(/state +running/);
  expect(shown).toMatch(/woken[\s\S]*hibernated/);
});

test("what services print and use is shown, with nothing in it that acts on the terminal", async () => {
  await world.deploy({ pr: ++pr });
  await (await agent.take()).finish("running", { url });
  const name = `shop/pr-${pr}`;
  const hearing = await onCommand({
    connection: agent.connection,
    agent: agent.id,
    log: world.bus.log,
    handler: (command) => {
      if (command.type !== "logs" && command.type !== "stats") return;
      const say = (reply: object) =>
        sendRuntime(agent.connection, agent.id, command.request, { v: 1, ...reply } as RuntimeReply);
      const line = {
        service: "web",
        stream: "stdout",
        at: "2026-11-22T17:00:00.000Z",
        text: "up \u001b]0;x\u0007and \u001b[2Jaway",
      };
      const usage = {
        ...{
          service: "web",
          container: "c",
          state: "running",
          health: "healthy",
          exitCode: null,
          restarts: 2,
        },
        ...{
          uptimeSeconds: 3_700,
          cpuPercent: 12.34,
          memory: 5 * 1024 * 1024,
          memoryLimit: 2 ** 30,
          processes: 4,
        },
      };
      say(
        command.type === "logs"
          ? { n: 1, type: "lines", lines: [line, line] }
          : { n: 1, type: "stats", services: [usage] },
      );
      say({ n: 2, type: "end", error: null });
    },
  });
  expect(await person.good(["env", "logs", name, "--runtime", "--since", "10m", "--tail", "5"])).toBe(
    "web | up and away\nweb | up and away\n",
  );
  expect(await person.good(["env", "stats", name])).toMatch(
    /^SERVICE +STATE +CPU +MEMORY +LIMIT +PROCESSES +RESTARTS +UP\nweb +healthy +12.3% +5.0 MiB +1.0 GiB +4 +2 +1h 1m\n$/,
  );
  expect(await person.json(["env", "stats", name])).toMatchObject([{ service: "web", processes: 4 }]);
  hearing.close();
});

test("a project says how long its previews live", async () => {
  expect(await person.good(["project", "life", "shop", "--ttl", "7d", "--idle", "never"])).toBe(
    "Previews of shop: life 7d, idle never.\n",
  );
  expect(await person.good(["project", "show", "shop"])).toMatch(/lives for +7d\nhibernates after +never/);
  await person.good(["project", "life", "shop", "--ttl", "default", "--idle", "default"]);
  expect(await person.good(["project", "show", "shop"])).toMatch(/lives for +the server's default/);
});

test.each([
  [["project", "life", "shop"], 2, "nothing to change"],
  [["env", "logs", "shop/pr-1", "--since", "10m"], 2, "--runtime"],
  [["env", "logs", "shop/pr-1", "--runtime", "--tail", "many"], 2, "not a number"],
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
