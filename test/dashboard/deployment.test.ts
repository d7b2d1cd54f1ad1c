// A deployment in the dashboard, as it happens and afterwards: in a real browser, on a real server, bus and database.
import { expect, test } from "vitest";
import { breakableWay } from "./breakable-way.js";
import { millionLines } from "./million-lines.js";
import { dashboard, lineCount, log, see } from "./set-up.js";
import { failing, running } from "./shop-ends.js";
import { building } from "./shop-story.js";
import { digest, step } from "./story.js";

const { world, agent, databaseUrl, take, begin, open } = dashboard();

test("a build is shown as it happens, up to the address that answers", async () => {
  const { id, told } = await begin();
  const page = await open(`/deployments/${id}`);
  await building(told, "Add basket", true);
  // Whose code it is, in a word; pressed, what that means.
  await page.getByText("fork", { exact: true }).click();
  await see(page, /No branch or tag of the repository has this commit.*It gets no secrets/);
  const progress = page.getByRole("region", { name: "Progress" });
  const row = (text: string | RegExp) => progress.getByRole("button").filter({ hasText: text });
  // A build that was over before it was seen is folded.
  await progress.locator("button[aria-expanded]").nth(1).waitFor();
  for (const folded of await progress.locator("button[aria-expanded=false]").all()) await folded.click();
  await expect
    .poll(() => row("RUN npm ci").filter({ hasText: "deps" }).textContent())
    .toMatch(/^5deps.*running/);
  expect(await row("RUN npm run build").filter({ hasText: "build" }).first().textContent()).toMatch(
    /6build.*done.*6\.4 s/,
  );
  expect(await row("FROM docker.io/library/nginx").textContent()).toMatch(/8stage-1.*cached/);
  // What was sent of the context, and pulled of a base image.
  expect(await row("load build context").last().textContent()).toContain("1.2 MB");
  expect(await row("FROM docker.io/library/node").filter({ hasText: "base" }).last().textContent()).toContain(
    "52.7 MB",
  );
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
  await page.getByRole("button", { name: "pin", exact: true }).click();
  await see(page, "Pinned: it does not expire.");
  await page.getByRole("button", { name: "unpin" }).click();
  await see(page, /Expires in 1[34] d/);
  await page.getByRole("button", { name: "Terminate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Terminate" }).click();
  await see(page, "Takes the environment down.");
  await (await agent().take()).finish("terminated");
  await page.getByText("terminated", { exact: true }).waitFor();
});

test("a reload in the middle of a build, and a lost connection, lose nothing and double nothing", async () => {
  const { id, told } = await begin();
  await building(told);
  const way = await breakableWay(world().url);
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
  await world().deployment(first.id, ({ state }) => state === "running");
  const { id } = await world().deploy({ pr: first.pr });
  const { told } = await take(id, first.pr, 35_000);
  await building(told);
  await failing(told);
  const page = await open(`/deployments/${id}`);
  const failure = page.getByRole("region", { name: "What failed" });
  await failure.getByText("api could not be built: npm ci exited with 1").waitFor();
  expect(await failure.count()).toBe(1);
  const text = (await failure.textContent()) ?? "";
  expect(text).toMatch(
    /What to do: Run npm install locally.*Dockerfile:5.*5RUN npm ci← failed after 29\.1 s.*can only install packages/s,
  );
  await see(page, "What was running before stays up");
  // Each in its row: what failed, and what was waiting for it.
  for (const [id, shown] of [
    ["api-ci", /^5deps.*failed.*29\.1 s/],
    ["api-src", /^6build.*cancelled/],
  ] as const)
    expect(await page.locator(`[data-step^="sha256:${id}0"]`).textContent()).toMatch(shown);
  // Its log is what is looked at.
  await log(page).getByText("npm error Missing: left-pad@1.3.0 from lock file").waitFor();
  await log(page).locator(".ansi-red").first().waitFor();
  await page.getByRole("button", { name: "Rebuild", exact: true }).click();
  await page.getByRole("heading", { name: /#3/ }).waitFor();
  const again = await agent().take();
  expect(again.granted.job.useCache).toBe(true);
  await again.finish("cancelled");
  await page.getByRole("button", { name: "Rebuild without cache" }).click();
  await page.getByRole("heading", { name: /#4/ }).waitFor();
  const anew = await agent().take();
  expect(anew.granted.job.useCache).toBe(false);
  await anew.finish("cancelled");
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
  const { id, pr, told } = await begin();
  await building(told);
  await world().deployment(id, ({ state }) => state === "building");
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

test("a log of a million lines is scrolled and searched with a page that stays small", async () => {
  const { id, told } = await begin();
  await building(told);
  await world().deployment(id, ({ state }) => state === "building");
  await millionLines(databaseUrl(), id);
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
