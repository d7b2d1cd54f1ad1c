import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { type BuildEvent, BuildEvents, BuildKitError } from "../../src/buildkit/index.js";
import { subjects } from "../../src/bus/index.js";
import { recorded, timeOf } from "../progress/recorded.js";
import { publish, type TestAgent, type Work } from "../queue/agent.js";
import { quick, standingWorld, type World } from "../queue/world.js";
import { createPerson, embedded, type Person } from "./remote.js";

let pr = 0;

/** The events of a recorded build, as the agent sends them. */
function buildEvents(name: string, service: string, error?: BuildKitError): object[] {
  const events = new BuildEvents();
  const statuses = recorded(name);
  const last = Math.max(...statuses.map(timeOf));
  const told: BuildEvent[] = [
    ...events.start(),
    ...statuses.flatMap((status) => events.update(status, timeOf(status))),
    ...events.finish(error ? { kind: "failed", error } : { kind: "built", image: "sha256:f00" }, last),
  ];
  return told.map((event) => ({ service, ...event }));
}

const plan = (...names: string[]) => ({
  type: "deployment.plan",
  services: names.map((name) => ({ name, kind: "image", action: "build", image: null, url: null })),
});
const finished = { outcome: "running", url: "http://pr-1-shop.localhost:8000" };

/** A way to the server that can be cut. */
async function cuttable(
  target: () => URL,
): Promise<{ url: string; cut(): void; close(): void; readonly open: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((inner) => {
    const outer = connect(Number(target().port), "127.0.0.1");
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.pipe(outer).pipe(inner);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${port}`,
    cut,
    close: () => {
      cut();
      server.close();
    },
    get open() {
      return sockets.size;
    },
  };
}

const databases = embedded();
let world: World;
let agent: TestAgent;
let person: Person;
let way: Awaited<ReturnType<typeof cuttable>>;
// Called last, as hooks of the end are in the other order.
afterAll(() => databases.remove());
// The agents of these tests do not say what they run.
const standing = standingWorld(databases, { ...quick, forgottenMs: 600_000, unclaimedMs: 600_000 });
beforeEach(async () => {
  ({ world, agent } = await standing());
  way = await cuttable(() => new URL(world.url));
  person = createPerson({ GALLEY_URL: way.url, GALLEY_TOKEN: world.token });
});
afterEach(() => {
  way?.close();
  person?.remove();
});

/** The command, and the job that it has led to. */
const follow = async (...flags: string[]) => {
  const running = person.start(["deploy", "shop", "--pr", String(++pr), "--follow", ...flags]);
  running.done.catch(() => {});
  const work: Work = await agent.take();
  return { running, work };
};

test("without --follow, the deployment's id is on stdout, and where to look on stderr", async () => {
  const { code, stdout, stderr } = await person.run(["deploy", "shop", "--pr", String(++pr)]);
  const work = await agent.take();
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${work.deployment}\n` });
  expect(stderr).toContain(`galley env show shop/pr-${pr}`);
  expect(work.granted.job).toMatchObject({ ref: `refs/pull/${pr}/head`, commit: null, useCache: true });
  await work.finish("running");
});

test("a ref, a commit, --no-cache, --no-fork and --fork reach the agent", async () => {
  const commit = "a".repeat(40);
  await person.good(["deploy", "shop", "--ref", "main", "--commit", commit, "--no-cache", "--no-fork"]);
  const work = await agent.take();
  expect(work.granted.job).toMatchObject({ ref: "main", commit, useCache: false, fork: false });
  await work.finish("running");
  await person.good(["deploy", "shop", "--pr", String(++pr), "--fork"]);
  const forked = await agent.take();
  expect(forked.granted.job).toMatchObject({ fork: true });
  await forked.finish("running");
});

test.each([
  [["deploy", "shop"], "either --pr NUMBER or --ref REF"],
  [["deploy", "shop", "--pr", "1", "--ref", "main"], "either --pr NUMBER or --ref REF"],
  [["deploy", "shop", "--pr", "x"], "not the number of a pull request"],
  [["deploy", "shop", "--ref", "main", "--commit", "abc"], "not a full commit id"],
  [["deploy", "shop", "--pr", "1", "--progress", "plain"], "go with --follow"],
  [["deploy", "shop", "--pr", "1", "--follow", "--progress", "loud"], "loud"],
  [["deploy", "shop", "--ref", "--upload-pack=x"], "ref"],
])("galley %j is a usage error", async (args, sentence) => {
  const { code, stdout, stderr } = await person.run(args);
  expect(code, stderr).toBe(2);
  expect(stderr).toContain(sentence);
  expect(stdout).toBe("");
});

test("a project that is not there is said to be so", async () => {
  const { code, stderr } = await person.run(["deploy", "nowhere", "--pr", "1"]);
  expect(code).toBe(1);
  expect(stderr).toContain('There is no project "nowhere"');
  const json = await person.run(["deploy", "nowhere", "--pr", "1", "--json"]);
  expect(JSON.parse(json.stderr)).toMatchObject({ code: "not_found" });
});

test("a followed deployment shows its builds as galley build does, and ends with the URL on stdout", async () => {
  const { running, work } = await follow("--progress", "plain");
  await work.tell(
    { type: "deployment.state", state: "preparing" },
    { type: "deployment.note", text: "fetching refs/pull/7/head" },
    plan("web", "db"),
    { type: "deployment.state", state: "building" },
    ...buildEvents("28c-basic", "web"),
    { service: "db", type: "service.state", state: "pulling", detail: null },
    { service: "db", type: "service.state", state: "starting", detail: null },
    { service: "web", type: "service.state", state: "healthy", detail: null },
  );
  await work.finish("running", finished);
  const { code, stdout, stderr } = await running.done;
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `${finished.url}\n` });
  for (const line of [
    "fetching refs/pull/7/head",
    /^#\d+ \[web internal\] load build definition from Dockerfile.basic$/m,
    /^#\d+ \d\.\d+ fetch 5$/m,
    /^\[web\] built in \d/m,
    "[web] healthy",
    "[db] pulling",
    `shop/pr-${pr} is up`,
  ])
    expect(stderr).toMatch(line);
});

test("on a terminal, the picture of the builds stays, and the URL stands below it", async () => {
  const running = person.onTerminal(["deploy", "shop", "--pr", String(++pr), "--follow"]);
  const work = await agent.take();
  await work.tell(
    { type: "deployment.note", text: "fetching refs/pull/7/head" },
    plan("web"),
    ...buildEvents("28c-basic", "web"),
    { service: "web", type: "service.state", state: "healthy", detail: null },
  );
  await work.finish("running", finished);
  const { code, stdout } = await running.done;
  expect(code, stdout).toBe(0);
  expect(stdout).toMatch(/^(.*waits for an agent\r\n)?fetching refs\/pull\/7\/head\r\n/);
  const last = stdout.slice(stdout.lastIndexOf("\u001b[?2026h")).replaceAll(/\u001b\[[\d;]*m/g, "");
  expect(last).toMatch(/✓ web +built +healthy +1 of 13 steps cached/);
  expect(last).toContain(`shop/pr-${pr} is up`);
  expect(last.trimEnd().endsWith(finished.url)).toBe(true);
  // The cursor is there again.
  expect(stdout.lastIndexOf("\u001b[?25h")).toBeGreaterThan(stdout.lastIndexOf("\u001b[?25l"));
});

test("a failed build is shown with its Dockerfile, its last output and what to do, once", async () => {
  const { running, work } = await follow("--progress", "plain");
  const error = new BuildKitError("step_failed", "`npm ci` ended with 1.", {
    hint: "Look at its output.",
    failure: {
      exitCode: 1,
      dockerfile: { name: "Dockerfile", excerpt: [{ line: 3, text: "RUN npm ci", failed: true }] },
      logTail: ["npm error missing lock file"],
    },
  });
  const [failed] = buildEvents("28c-fail", "web", error).slice(-1);
  await work.tell(plan("web"), ...buildEvents("28c-fail", "web", error));
  await work.finish("failed", { error: (failed as { error: object }).error });
  const { code, stdout, stderr } = await running.done;
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr.match(/npm ci` ended with 1/g)).toHaveLength(1);
  expect(stderr).toContain("web could not be built");
  expect(stderr).toMatch(/❯ 3 │ RUN npm ci/);
  expect(stderr).toContain("│ npm error missing lock file");
  expect(stderr).toContain("What to do: Look at its output.");
});

test("a deployment that fails without a build says why", async () => {
  const { running, work } = await follow("--progress", "plain");
  const error = {
    ...{ code: "git_auth_failed", message: "The repository refuses the credential.\u001b[2J" },
    ...{ hint: "Give it a token that may read.", step: null, command: null, exitCode: null },
    ...{ dockerfile: null, logTail: [] },
  };
  await work.finish("failed", { error });
  const { code, stderr } = await running.done;
  expect(code).toBe(1);
  expect(stderr).toContain("✕ The repository refuses the credential.");
  expect(stderr).toContain("What to do: Give it a token that may read.");
  expect(stderr).not.toContain("\u001b");
  const shown = await person.run(["env", "follow", work.deployment, "--json", "--progress", "json"]);
  expect(JSON.parse(shown.stdout)).toMatchObject({ id: work.deployment, state: "failed" });
  expect(JSON.parse(shown.stderr.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
    code: "git_auth_failed",
  });
});

test("connections that are cut again and again lose nothing and repeat nothing", async () => {
  const { running, work } = await follow("--progress", "json");
  const lines = 400;
  for (let at = 0; at < lines; at += 1) {
    await work.log(`line ${at}`);
    if (at % 50 === 25) {
      await running.saw(`"line ${at - 20}"`);
      way.cut();
    }
  }
  // The server itself goes and comes back, too; the way leads to its new port.
  await running.saw(`"line ${lines - 1}"`);
  await world.stopServer();
  await work.tell({ type: "deployment.note", text: "while the server was away" });
  await world.startServer();
  await work.finish("running", finished);
  const { code, stdout, stderr } = await running.done;
  expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `${finished.url}\n` });
  const events = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events).toHaveLength(lines + 2);
});

test("log lines that are overtaken by other events are put back into their place", async () => {
  const { running, work } = await follow("--progress", "json");
  const [first, second, third] = work.events(
    { service: "web", type: "build.note", text: "first" },
    { service: "web", type: "build.note", text: "second" },
    { service: "web", type: "build.note", text: "third" },
  );
  const subject = subjects.events(agent.id, work.deployment);
  await publish(agent.connection, subject, [first!, third!]);
  await world.until<{ events: object[] }>(
    `/deployments/${work.deployment}/events`,
    ({ events }) => events.length === 2,
  );
  await publish(agent.connection, subject, [second!]);
  await work.finish("running", finished);
  const { stderr } = await running.done;
  expect([...stderr.matchAll(/"text":"(\w+)"/g)].map(([, text]) => text)).toEqual([
    "first",
    "second",
    "third",
  ]);
});

test("Ctrl-C ends the following and nothing else, and says how to come back and how to cancel", async () => {
  const { running, work } = await follow("--progress", "plain");
  await work.tell({ type: "deployment.note", text: "at work" });
  await running.saw("at work");
  running.signal("SIGINT");
  const { code, stdout, stderr } = await running.done;
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(stderr).toContain(`galley env cancel ${work.deployment}`);
  const again = person.start(["env", "follow", `shop/pr-${pr}`, "--progress", "plain"]);
  await again.saw("at work");
  await world.deployment(work.deployment, ({ cancelling, final }) => cancelling === null && !final);
  await work.finish("running", finished);
  expect(await again.done).toMatchObject({ code: 0, stdout: `${finished.url}\n` });
});

test("with --cancel-on-interrupt, Ctrl-C cancels the deployment and waits for its end", async () => {
  const { running, work } = await follow("--progress", "plain", "--cancel-on-interrupt");
  await work.tell({ type: "deployment.note", text: "at work" });
  await running.saw("at work");
  running.signal("SIGINT");
  await world.deployment(work.deployment, ({ cancelling }) => cancelling === "cancelled");
  await work.finish("cancelled");
  const { code, stderr } = await running.done;
  expect(code, stderr).toBe(130);
  expect(stderr).toContain(`shop/pr-${pr} is being stopped`);
  await world.deployment(work.deployment, ({ state }) => state === "cancelled");
});

test("what a newer request supersedes fails with that for a reason", async () => {
  const { running, work } = await follow("--progress", "plain");
  await person.good(["deploy", "shop", "--pr", String(pr)]);
  await world.deployment(work.deployment, ({ cancelling }) => cancelling === "superseded");
  await work.finish("cancelled");
  const { code, stderr } = await running.done;
  expect(code).toBe(1);
  expect(stderr).toMatch(/superseded|A newer request/);
  await (await agent.take()).finish("running", finished);
});

test("a build comes from afar as it is: every line that the recording has", async () => {
  const { running, work } = await follow("--progress", "json");
  for (const event of buildEvents("28c-logs", "web")) await work.tell(event);
  await work.finish("running", finished);
  const { stderr } = await running.done;
  const lines = stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .flatMap(({ type, lines }) => (type === "step.log" ? lines : []));
  const expected = buildEvents("28c-logs", "web").flatMap((event) =>
    "lines" in event && (event as { type?: string }).type === "step.log" ? (event.lines as object[]) : [],
  );
  expect(lines).toEqual(expected);
  expect(expected.length).toBeGreaterThan(10);
});
