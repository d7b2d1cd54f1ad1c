// The dashboard in a real browser, on a real server, bus and database; the agents are the test's and tell what it wants.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createTestAgent, type TestAgent, type Work } from "../queue/agent.js";
import { quick, startWorld, type World } from "../queue/world.js";
import { startGround } from "../support/ground-server.js";
import { type PostgresServer, startPostgres } from "../support/postgres.js";
import { breakableWay } from "./breakable-way.js";
import { openPage, session, signIn, startBrowser, type Watched } from "./browser.js";
import { millionLines } from "./million-lines.js";
import { building, digest, failing, running, type Story, step, story } from "./story.js";

let browser: Browser;
let postgres: PostgresServer;
let database = "";
let world: World;
let agent: TestAgent;
let cookie = "";
let pr = 0;
const pages: Watched[] = [];

beforeAll(async () => {
  [browser, postgres] = await Promise.all([startBrowser(), startPostgres()]);
  database = await postgres.database();
  const databases = {
    kind: "postgres",
    directory: () => "",
    fresh: async () => ({ url: database }),
  } as const;
  const never = 600_000;
  world = await startWorld(databases, { ...quick, forgottenMs: never, unclaimedMs: never, lostMs: never });
  agent = await world.agent("one", { slots: 100 });
  cookie = await session(world.url);
});
afterAll(async () => {
  await world?.remove();
  await postgres?.remove();
  await browser?.close();
});
afterEach(async () => {
  // Whatever a test looks at: no fault of a script, nothing that the content policy refuses, no other host is asked.
  for (const { faults, close } of pages.splice(0)) {
    await close();
    expect(faults).toEqual([]);
  }
});

const open = async (path: string, options: { width?: number; url?: string; signedIn?: boolean } = {}) => {
  const { url = world.url, signedIn = true, width } = options;
  const watched = await openPage(browser, {
    url,
    ...(width === undefined ? {} : { width }),
    session: signedIn ? cookie : undefined,
  });
  pages.push(watched);
  await watched.page.goto(path);
  return watched.page;
};
/** A deployment that an agent has taken. */
const begin = async (): Promise<{ id: string; work: Work; told: Story }> => {
  const { id } = await world.deploy({ pr: ++pr });
  const work = await agent.take();
  await work.settle();
  return { id, work, told: story(work, agent.connection, agent.id, Date.now() - 10_000) };
};
const see = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
const log = (page: Page) => page.getByRole("region", { name: "Log" });
const lineCount = (page: Page, count: string) =>
  log(page).getByText(`${count} lines`, { exact: true }).waitFor();

test("the first one sets the server up; from then on one signs in, and out", async () => {
  const ground = await startGround({ url: await postgres.database() });
  try {
    const page = await open("/projects", { url: ground.url, signedIn: false });
    await page.getByRole("heading", { name: "Set up Galley" }).waitFor();
    await page.getByLabel("E-mail address").fill("ada@example.org");
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Create the administrator" }).click();
    // Where one wanted to go, and what to do there first.
    await page.getByRole("heading", { name: "Projects", exact: true }).waitFor();
    await see(page, "galley project add shop");
    await page.reload();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.getByLabel("E-mail address").fill("ada@example.org");
    await page.getByLabel("Password").fill("wrong horse battery");
    await page.getByRole("button", { name: "Sign in" }).click();
    await see(page, "The e-mail address or the password is wrong.");
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
  } finally {
    await ground.close();
  }
});

test("a session that ends elsewhere leads back to the sign-in, and from there to the same page", async () => {
  const page = await open("/admin/agents", { signedIn: false });
  await signIn(page, "/admin/agents");
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  await page.context().clearCookies();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/admin/agents");
});

test("a new agent's token is shown once, and its panel turns to online by itself", async () => {
  const page = await open("/admin/agents");
  await page.getByRole("button", { name: "New agent" }).click();
  await page.getByLabel("Name", { exact: true }).fill("rack-9");
  await page.getByRole("button", { name: "Make the agent" }).click();
  const panel = page.getByRole("region", { name: "Token of rack-9" });
  await panel.getByText("not started").waitFor();
  const line = await panel.getByText(/^GALLEY_AGENT_TOKEN=/).textContent();
  await panel.getByText("docker compose up -d galley-agent").waitFor();
  const token = line?.slice("GALLEY_AGENT_TOKEN=".length) ?? "";
  expect(token).toMatch(/^galley_agt_/);
  const joined = await createTestAgent(world.bus, { url: world.url, token });
  try {
    joined.beat({ slots: 3, version: "0.9.1" });
    await panel.getByText("online", { exact: true }).waitFor();
    expect(await panel.textContent()).not.toContain(token);
    const row = page.locator('[data-agent="rack-9"]');
    await expect
      .poll(() => row.textContent())
      .toMatch(/online.*0\.9\.1.*28\.0\.0 · overlay2.*0\/3.*1\.0 GB free/);
    await page.reload();
    await row.waitFor();
    expect(await page.content()).not.toContain("galley_agt_");

    await page.getByRole("button", { name: "Rotate the token of rack-9" }).click();
    await page.getByRole("button", { name: "Make a new token" }).click();
    await page.getByRole("region", { name: "Token of rack-9" }).waitFor();

    await page.getByRole("button", { name: "Revoke rack-9" }).click();
    await page.getByRole("button", { name: "Keep" }).click();
    await row.waitFor();
    await page.getByRole("button", { name: "Revoke rack-9" }).click();
    await page.getByRole("button", { name: "Revoke", exact: true }).click();
    await row.waitFor({ state: "detached" });
  } finally {
    await joined.close();
  }
});

test("a project is added, gets a secret that nothing shows, and a pull request of it is deployed", async () => {
  const page = await open("/projects");
  await page.getByRole("button", { name: "Add a project" }).click();
  await page.getByLabel("Name", { exact: true }).fill("cellar");
  await page.getByLabel("Repository").fill("https://git.example/cellar.git");
  await page.getByLabel("access token").check();
  await page.getByLabel("Token", { exact: true }).fill("hunter2-token");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("heading", { name: /cellar/ }).waitFor();
  await see(page, "galley deploy cellar --pr 1 --follow");
  await see(page, /A token, set/);
  await page.getByLabel("Name in Secrets").fill("API_KEY");
  await page.getByLabel("Value in Secrets").fill("hunter2-secret");
  await page.getByRole("form", { name: "Secrets" }).getByRole("button", { name: "Set" }).click();
  await page.getByRole("button", { name: "Remove API_KEY" }).waitFor();
  await page.getByLabel("Name in Variables").fill("LOG_LEVEL");
  await page.getByLabel("Value in Variables").fill("debug");
  await page.getByRole("form", { name: "Variables" }).getByRole("button", { name: "Set" }).click();
  await page.getByRole("button", { name: "Remove LOG_LEVEL" }).waitFor();
  expect(await page.content()).not.toContain("hunter2");
  const { body } = await world.call<{
    env: object;
    secrets: { key: string }[];
    credential: { kind: string };
  }>("GET", "/projects/cellar");
  expect([body.env, body.secrets[0]?.key, body.credential.kind]).toEqual([
    { LOG_LEVEL: "debug" },
    "API_KEY",
    "token",
  ]);

  await page.getByLabel("Pull request or ref").fill("12");
  await page.getByRole("button", { name: "Deploy", exact: true }).click();
  await page.getByRole("heading", { name: /cellar.*pr-12.*#1/ }).waitFor();
  // The agent takes it; nobody tells anything, so that it is cancelled by hand.
  const work = await agent.take();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the deployment" }).click();
  await page.getByText("cancelling", { exact: true }).waitFor();
  await work.finish("cancelled");
  await page.getByText("cancelled", { exact: true }).first().waitFor();
});

test("a build is shown as it happens, up to the address that answers", async () => {
  const { id, told } = await begin();
  const page = await open(`/deployments/${id}`);
  await building(told);
  const progress = page.getByRole("region", { name: "Progress" });
  const row = (text: string | RegExp) => progress.getByRole("button").filter({ hasText: text });
  await expect
    .poll(() => row("RUN npm ci").filter({ hasText: "deps" }).textContent())
    .toMatch(/^5deps.*running/);
  expect(await row("RUN npm run build").filter({ hasText: "build" }).first().textContent()).toMatch(
    /6build.*done.*6\.4 s/,
  );
  expect(await row("FROM docker.io/library/nginx").textContent()).toMatch(/8stage-1.*cached/);
  expect(await row("load build context").last().textContent()).toContain("1.2 MB");
  expect(await row("worker").textContent()).toMatch(/not built again.*reused/);
  await page.getByText("1 warning").click();
  await see(page, "LegacyKeyValueFormat");
  expect(await page.title()).toMatch(/^building · shop/);
  await running(told);
  await page.getByRole("link", { name: "Open" }).waitFor();
  expect(await page.getByRole("link", { name: "Open" }).getAttribute("href")).toBe(
    "http://pr-7-shop.localhost:8000",
  );
  expect(await row("api").first().textContent()).toMatch(
    /0 of 11 steps cached, sent 214 files \(1\.2 MB\).*healthy/,
  );
  await page.getByRole("link", { name: /^pr-/ }).click();
  await page.getByRole("button", { name: "Terminate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Terminate" }).click();
  await see(page, "Takes the environment down.");
  await (await agent.take()).finish("terminated");
  await page.getByText("terminated", { exact: true }).waitFor();
});

test("a reload in the middle of a build, and a lost connection, lose nothing and double nothing", async () => {
  const { id, told } = await begin();
  await building(told);
  const way = await breakableWay(world.url);
  const page = await open(`/deployments/${id}`, { url: way.url });
  await lineCount(page, "69");
  // What is looked at is the same after the reload.
  await page.locator('[data-step^="sha256:api-ci"]').click();
  await lineCount(page, "61");
  await page.reload();
  await lineCount(page, "61");
  await way.cut();
  await see(page, "Connection lost");
  await told.log(
    "api",
    digest("api-ci"),
    Array.from({ length: 40 }, (_, n) => `meanwhile ${n}`),
  );
  await way.mend();
  await lineCount(page, "101");
  await page.getByText("Connection lost").waitFor({ state: "detached" });
  await failing(told);
  await lineCount(page, "104");
  await page.getByRole("button", { name: "all", exact: true }).click();
  await lineCount(page, "112");
  await way.close();
});

test("a failure is told first: what to do, the guilty line, the last output, and what still runs", async () => {
  const first = await begin();
  await building(first.told);
  await running(first.told);
  await world.deployment(first.id, ({ state }) => state === "running");
  const { id } = await world.deploy({ pr });
  const work = await agent.take();
  await work.settle();
  const told = story(work, agent.connection, agent.id, Date.now() - 35_000);
  await building(told);
  await failing(told);
  const page = await open(`/deployments/${id}`);
  const failure = page.getByRole("region", { name: "What failed" });
  await failure.getByText("api could not be built: npm ci exited with 1").waitFor();
  expect(await failure.count()).toBe(1);
  const text = (await failure.textContent()) ?? "";
  expect(text).toMatch(
    /What to do: Run `npm install` locally.*Dockerfile:5.*5RUN npm ci← failed after 29\.1 s.*can only install packages/s,
  );
  await see(page, "What was running before stays up");
  // Its log is what is looked at.
  await log(page).getByText("npm error Missing: left-pad@1.3.0 from lock file").waitFor();
  await log(page).locator(".ansi-red").first().waitFor();
  await page.getByRole("button", { name: "Rebuild", exact: true }).click();
  await page.getByRole("heading", { name: /#3/ }).waitFor();
  await (await agent.take()).finish("cancelled");
});

test("whatever names, logs and commits hold, it is text", async () => {
  const evil = (where: string) => `<img src=x onerror="alert('${where}')"><script>alert(1)</script>`;
  const { id, told } = await begin();
  await told.tell(
    { type: "deployment.state", state: "building" },
    { type: "deployment.note", text: evil("note") },
    {
      type: "deployment.source",
      commit: "a".repeat(40),
      ref: evil("ref"),
      subject: evil("subject"),
      author: evil("author"),
    },
    {
      type: "deployment.plan",
      services: [
        { name: "<b>x</b>", kind: evil("kind"), action: "build", image: null, url: "javascript:alert(1)" },
      ],
    },
    { service: "<b>x</b>", type: "build.started" },
    step(told, {
      service: "<b>x</b>",
      id: "evil",
      name: `[<i>s</i> 1/1] RUN ${evil("step")}`,
      state: "running",
      from: 0,
    }),
    {
      service: "<b>x</b>",
      type: "warning",
      step: null,
      rule: evil("rule"),
      message: evil("message"),
      detail: [evil("detail")],
      url: "javascript:alert(1)",
      filename: evil("file"),
      lines: [],
    },
  );
  await told.log("<b>x</b>", digest("evil"), [
    evil("log"),
    `\u001b[31m${evil("colour")}\u001b[0m`,
    "\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007",
  ]);
  const page = await open(`/deployments/${id}`);
  await lineCount(page, "3");
  for (const where of ["subject", "author", "step", "log", "colour"]) await see(page, evil(where));
  await page.getByText("1 warning").click();
  await see(page, evil("message"));
  await see(page, "<b>x</b>");
  expect(await page.locator("img:not([src='/galley.svg']), main script, [href^='javascript']").count()).toBe(
    0,
  );
  await told.tell({
    type: "deployment.finished",
    outcome: "failed",
    commit: null,
    url: null,
    services: [],
    duration: 5,
    error: {
      code: "step_failed",
      message: evil("error"),
      hint: evil("hint"),
      step: null,
      command: null,
      exitCode: null,
      dockerfile: { name: evil("dockerfile"), excerpt: [{ line: 1, text: evil("line"), failed: true }] },
      logTail: [evil("tail")],
    },
  });
  for (const where of ["error", "hint", "line", "tail"]) await see(page, evil(where));
  await page.goto("/");
  await see(page, evil("subject"));
});

test("everything can be done by keys", async () => {
  const { id, told } = await begin();
  await building(told);
  await world.deployment(id, ({ state }) => state === "building");
  const page = await open("/");
  await page.getByRole("link", { name: `pr-${pr}` }).waitFor();
  const focused = () => page.evaluate("document.activeElement.textContent");
  await page.keyboard.press("k");
  expect(await focused()).toBe(`pr-${pr}`);
  await page.keyboard.press("Enter");
  await page.getByRole("region", { name: "Progress" }).waitFor();
  await lineCount(page, "69");
  // db, web
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  expect(await focused()).toMatch(/^web/);
  await page.keyboard.press("k");
  expect(await focused()).toMatch(/^db/);
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await lineCount(page, "8");
  await page.getByRole("button", { name: "all", exact: true }).press("Enter");
  await page.keyboard.press("/");
  await page.keyboard.type("PACKAGE-3");
  await log(page).getByRole("status").getByText("11", { exact: true }).waitFor();
  await page.keyboard.press("Enter");
  await log(page).locator(".line.current .hit").first().waitFor();
  expect(await log(page).locator(".line.current").textContent()).toContain("package-3 ");
  await page.keyboard.press("Enter");
  await expect.poll(() => log(page).locator(".line.current").textContent()).toContain("package-30 ");
  await page.keyboard.press("Escape");
  const follow = page.getByRole("button", { name: "follow" });
  expect(await follow.getAttribute("aria-pressed")).toBe("false");
  await page.keyboard.press("f");
  await expect.poll(() => follow.getAttribute("aria-pressed")).toBe("true");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keys" }).waitFor({ state: "detached" });
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await page.getByRole("heading", { name: "Agents" }).waitFor();
  await running(told);
});

test("no view is wider than a telephone of 360 pixels", async () => {
  const { id, told } = await begin();
  await building(told);
  await failing(told);
  const { body } = await world.call<{ environments: { id: string; name: string }[] }>("GET", "/environments");
  const environment = body.environments.find(({ name }) => name === `pr-${pr}`)?.id;
  const page = await open("/", { width: 360 });
  for (const [path, shown] of [
    ["/", `pr-${pr}`],
    ["/projects", "cellar"],
    ["/projects/shop", "Repository login"],
    [`/environments/${environment}`, "#1"],
    ["/admin/agents", "28.0.0 · overlay2"],
    [`/deployments/${id}`, "What to do:"],
  ] as const) {
    await page.goto(path);
    await see(page, shown);
    const widths = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    expect(widths, path).toEqual([360, 360]);
  }
});

test("a log of a million lines is scrolled and searched with a page that stays small", async () => {
  const { id, told } = await begin();
  await building(told);
  await world.deployment(id, ({ state }) => state === "building");
  await millionLines(database, id);
  const page = await open(`/deployments/${id}`);
  await log(page).getByText("1,000,069 lines", { exact: true }).waitFor({ timeout: 100_000 });
  const nodes = () => page.evaluate<number>("document.querySelectorAll('*').length");
  await log(page).getByText("line 999999 of a million").waitFor();
  expect(await nodes()).toBeLessThan(1500);
  const lines = log(page).locator(".lines");
  for (const share of [0, 0.5, 0.25, 0.999]) {
    await lines.evaluate((box, to) => {
      box.scrollTop = box.scrollHeight * to;
    }, share);
    const about = Math.round(1_000_000 * share);
    await expect
      .poll(async () => Number((await log(page).locator(".line .no").nth(12).textContent()) ?? -1) - about)
      .toSatisfy((off: number) => Math.abs(off) < 1500);
    expect(await nodes()).toBeLessThan(1500);
  }
  await page.getByLabel("Search the log").fill("line 654321 of");
  await page.keyboard.press("Enter");
  await log(page).getByRole("status").getByText("1", { exact: true }).waitFor({ timeout: 60_000 });
  await page.keyboard.press("Enter");
  await log(page).locator(".line.current").getByText("654321").waitFor();
  expect(await nodes()).toBeLessThan(1500);
  await page.getByRole("button", { name: "wrap" }).click();
  await log(page).locator(".wrap").waitFor();
  expect(await nodes()).toBeLessThan(1500);
  await running(told);
});

test("every address can be opened directly, and one that is none says so", async () => {
  const page = await open("/projects/nowhere");
  await see(page, "There is no project");
  await page.goto("/deployments/dep0nowhere");
  await see(page, "There is no deployment");
  expect((await page.goto("/nowhere"))?.status()).toBe(404);
});
