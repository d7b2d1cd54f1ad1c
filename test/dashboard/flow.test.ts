// From the sign-in to a preview that answers, with the real agent and a real engine.
import type { Browser } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { shop } from "../agent/files.js";
import { startWorld, type World } from "../agent/world.js";
import { onEachEngine } from "../support/engines.js";
import { openPage, signIn, startBrowser } from "./browser.js";

onEachEngine(
  (engine) => {
    let world: World;
    let browser: Browser;
    beforeEach(async () => {
      browser = await startBrowser();
      world = await startWorld(engine);
    });
    afterEach(async () => {
      await browser?.close();
      await world?.remove();
    });

    test("an agent that is made in the browser comes online there, builds a pull request step by step, and the page ends with its address", async () => {
      const { page, faults, close } = await openPage(browser, { url: world.url });
      await signIn(page);
      await page.getByRole("link", { name: "Make an agent" }).click();
      await page.getByLabel("Name", { exact: true }).fill("dashboard");
      await page.getByRole("button", { name: "Make the agent" }).click();
      const panel = page.getByRole("region", { name: "Token of dashboard" });
      const line = await panel.getByText(/^GALLEY_AGENT_TOKEN=/).textContent();
      const token = line?.slice("GALLEY_AGENT_TOKEN=".length) ?? "";
      await world.start(await world.agent("another"), { GALLEY_AGENT_TOKEN: token });
      await panel.getByText("online", { exact: true }).waitFor({ timeout: 60_000 });
      const row = page.locator('[data-agent="dashboard"]');
      await expect.poll(() => row.textContent()).toMatch(/online.*\d\d\.\d.*GB free/);

      const commit = world.push(1, shop());
      await page.getByRole("link", { name: "Projects", exact: true }).click();
      await page.getByRole("link", { name: world.project }).click();
      await page.getByLabel("Pull request or ref").fill("#1");
      await page.getByRole("button", { name: "Deploy", exact: true }).click();
      const step = page.getByRole("button").filter({ hasText: "RUN echo made-$(cat /srv/word)" });
      const back = page.getByRole("button").filter({ hasText: /^back/ });
      await back.waitFor({ timeout: 60_000 });
      // Where it was over before it was seen, it is folded.
      await expect
        .poll(
          async () => {
            if ((await back.getAttribute("aria-expanded")) === "false") await back.click();
            return step.textContent();
          },
          { timeout: 60_000 },
        )
        .toMatch(/^3.*done/);
      await step.click();
      await page.getByRole("region", { name: "Log" }).getByText("made-ahoy").waitFor();
      const open = page.getByRole("link", { name: "Open" });
      await open.waitFor({ timeout: 60_000 });
      const address = await open.getAttribute("href");
      expect(address).toMatch(new RegExp(`^http://pr-1-${world.project}\\.localhost`));
      await page.getByText(commit.slice(0, 10)).waitFor();
      expect(
        await page
          .getByRole("button")
          .filter({ hasText: /^front/ })
          .textContent(),
      ).toContain("healthy");

      // What the real agent keeps of it, and what its engine holds.
      const deployment = page.url();
      await page.goto("/admin/caches/dashboard");
      await page.getByRole("region", { name: "In BuildKit" }).getByText("steps and other contexts").waitFor();
      await page.locator("a[data-row]").click();
      const builds = page.getByRole("region", { name: "Builds" });
      await builds.getByRole("button", { name: "back", exact: true }).click();
      await page.getByText("first build").first().waitFor();
      await page.goto(deployment);

      world.push(
        1,
        shop({ "back.Dockerfile": "FROM busybox\nCOPY back /srv\nRUN echo going >&2; exit 7\n" }),
      );
      await page.getByRole("button", { name: "Rebuild", exact: true }).click();
      const failure = page.getByRole("region", { name: "What failed" });
      await failure.waitFor({ timeout: 60_000 });
      expect(await failure.textContent()).toMatch(
        /back could not be built.*back\.Dockerfile:3.*3RUN echo going >&2; exit 7← failed/s,
      );
      await page.getByText("What was running before stays up").waitFor();
      expect(faults).toEqual([]);
      await close();
    });
  },
  (engine) => engine.found || engine.name === "28c",
);
