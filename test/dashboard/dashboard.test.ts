// The dashboard in a real browser, on a real server, bus and database: accounts, agents, projects, addresses, narrow windows.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { createTestAgent } from "../queue/agent.js";
import { damageRepository } from "../support/cache-store.js";
import { answerCaches } from "../support/cached-agent.js";
import { startGround } from "../support/ground-server.js";
import { signIn } from "./browser.js";
import { buildKitRecords, imagesTold, keepSome, tellRemovals } from "./kept.js";
import { dashboard, see } from "./set-up.js";
import { failing } from "./shop-ends.js";
import { building } from "./shop-story.js";

const { world, agent, anotherDatabase, begin, open } = dashboard();

test("the first one sets the server up; from then on one signs in, and out", async () => {
  const ground = await startGround({ url: await anotherDatabase() });
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
  const joined = await createTestAgent(world().bus, { url: world().url, token });
  try {
    joined.beat({ slots: 3, version: "0.9.1", disk: { free: 1e9, total: 2e9, caches: 3e8 } });
    await panel.getByText("online", { exact: true }).waitFor();
    expect(await panel.textContent()).not.toContain(token);
    const row = page.locator('[data-agent="rack-9"]');
    await expect
      .poll(() => row.textContent())
      .toMatch(/online.*0\.9\.1.*28\.0\.0 · overlay2.*0\/3.*1\.0 GB free, 300\.0 MB caches/);
    expect(await row.getByRole("link", { name: "300.0 MB caches" }).getAttribute("href")).toBe(
      "/admin/caches/rack-9",
    );
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
  const { body } = await world().call<{
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
  const work = await agent().take();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByRole("button", { name: "Cancel the deployment" }).click();
  await page.getByText("cancelling", { exact: true }).waitFor();
  await work.finish("cancelled");
  await page.getByText("cancelled", { exact: true }).first().waitFor();
});

test("what an agent keeps is seen by repository, mount and build, and goes after one has seen what would go", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "galley-kept-"));
  const page = await open("/admin/caches/one");
  const answering = await answerCaches(agent(), world().bus, dataDirectory, {
    records: buildKitRecords("shop-1"),
    images: imagesTold,
  });
  try {
    await page.reload();
    await see(page, "Nothing is kept yet");
    await see(page, "RUN --mount=type=cache,target=/root/.npm npm ci");
    // What it has removed by itself is there, whatever it keeps now.
    const removals = page.getByRole("region", { name: "Removed by itself" });
    await removals.getByText("Nothing yet.").waitFor();
    await tellRemovals(agent(), "shop-1");
    await keepSome(dataDirectory, "shop-1", "dep0newest");
    await page.reload();
    await page.getByRole("link", { name: "Caches", exact: true }).waitFor();
    const bar = page.getByRole("region", { name: "In BuildKit" });
    await expect
      .poll(() => bar.textContent())
      .toMatch(/4\.3 GB.*our cache mounts460\.0 MB.*3\.5 GB reclaimable/);
    expect(await page.getByRole("region", { name: "Stored for repositories" }).textContent()).toMatch(
      /of 20\.0 GB.*shop-1.*github\.com-acme-docs/,
    );
    expect(await page.getByRole("region", { name: "Disk of the agent" }).textContent()).toMatch(
      /1\.0 GB free of 2\.0 GB.*stored mounts2\d\.\d MB.*stored layers4\.5 MB.*everything else/,
    );
    expect(await page.getByRole("region", { name: "Images" }).textContent()).toMatch(
      /2\.0 GB.*of these repositories399\.0 MB.*all others1\.3 GB.*shared, at least310\.0 MB.*212\.0 MB reclaimable/,
    );
    await expect
      .poll(() => removals.textContent())
      .toMatch(
        /image.*galley\/shop:web-77aa.*shop-1.*all repositories keep more than 20\.0 GB.*190\.0 MB.*mount.*go-build.*fork-pr-11.*more than 10\.0 GB.*88\.2 MB/,
      );

    // By keyboard: the row, what is in a mount, why a step was not cached.
    const shop = page.locator("a[data-row]").filter({ hasText: "shop-1" });
    await shop.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Cache mounts" }).waitFor();
    const mount = page
      .getByRole("region", { name: "Cache mounts" })
      .getByRole("button", { name: "/root/.npm" });
    await mount.focus();
    await page.keyboard.press("Enter");
    await see(page, "_cacache/content-v2/sha512");
    expect(await page.getByRole("link", { name: "web of dep0newest" }).getAttribute("href")).toBe(
      "/deployments/dep0newest",
    );
    const builds = page.getByRole("region", { name: "Builds" });
    await builds.getByRole("button", { name: "web", exact: true }).first().click();
    await see(page, "files changed");
    // What BuildKit holds of the same mount stands beside what is stored, by its kind.
    const held = page.getByRole("region", { name: "Also kept" });
    await expect.poll(() => held.textContent()).toMatch(/layersweb.*4\.5 MB.*record\/root\/\.npm.*460\.0 MB/);
    await held.getByRole("button", { name: "web", exact: true }).click();
    await expect.poll(() => held.textContent()).toMatch(/3\.4 MB.*sha256:[0-9a-f]{64}.*1\.1 MB.*sha256/);
    await held.getByRole("button", { name: "galley/shop:api" }).click();
    await expect.poll(() => held.textContent()).toMatch(/sha256:9a77e2.*used by.*web of dep0newest/);

    await page.getByRole("button", { name: "Prune…" }).click();
    const dialog = page.getByRole("dialog");
    await expect.poll(() => dialog.textContent()).toMatch(/1 entry, 31\.0 MB unpacked.*fork-pr-11/);
    await dialog.getByLabel("all of it").check();
    await expect
      .poll(() => dialog.textContent())
      .toMatch(/4 entries.*The next builds take up to 59\.3 s longer/);
    // What the engine holds goes only where somebody asks for that.
    await dialog.getByLabel("BuildKit's records of mounts").check();
    await expect.poll(() => dialog.textContent()).toMatch(/5 entries.*record, base/);
    await dialog.getByLabel("stored mounts and layers").uncheck();
    await expect.poll(() => dialog.textContent()).toMatch(/1 entry.*record, base/);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    await mount.waitFor();
    await page.getByRole("button", { name: "Prune…" }).click();
    await dialog.getByLabel("a month").check();
    await dialog.getByText("Nothing is that old").waitFor();
    expect(await dialog.getByRole("button", { name: "Remove" }).isDisabled()).toBe(true);
    await dialog.getByLabel("all of it").check();
    await dialog.getByRole("button", { name: "Remove 4 entries" }).click();
    await dialog.getByText("Removed 4 entries").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await see(page, "None is stored.");
    await page.getByRole("link", { name: "Caches of one" }).click();
    await page.getByRole("link", { name: "github.com-acme-docs" }).waitFor();

    // What is stored is read on demand; what is damaged is named, and gone.
    const verify = page.getByRole("button", { name: "Verify…" });
    const reading = page.getByRole("button", { name: "Read all of it" });
    await verify.click();
    await reading.click();
    await see(page, "1 stored mount read: all sound.");
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await damageRepository(dataDirectory, "github.com-acme-docs-5d1f0c2a9be1");
    await verify.click();
    await reading.click();
    await expect
      .poll(() => dialog.textContent())
      .toMatch(/damaged.*\/usr\/local\/bundle.*github\.com-acme-docs/);
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await verify.waitFor({ state: "detached" });
    for (const path of ["/admin/caches/one", "/admin/caches/one/shop-1"]) {
      const narrow = await open(path, { width: 360 });
      await see(narrow, "shop-1");
      expect(await narrow.evaluate("document.documentElement.scrollWidth"), path).toBe(360);
    }
  } finally {
    answering.close();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
});

test("no view is wider than a telephone of 360 pixels", async () => {
  const { id, pr, told } = await begin();
  await building(told);
  await failing(told);
  const { body } = await world().call<{ environments: { id: string; name: string }[] }>(
    "GET",
    "/environments",
  );
  const environment = body.environments.find(({ name }) => name === `pr-${pr}`)?.id;
  const page = await open("/", { width: 360 });
  for (const [path, shown] of [
    ["/", `pr-${pr}`],
    ["/projects", "shop"],
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

test("colours are the system's until others are chosen, which stay chosen", async () => {
  const ground = (page: Page) => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
  const [light, dark] = ["rgb(255, 255, 255)", "rgb(20, 22, 26)"];
  const page = await open("/projects", { dark: true });
  await page.getByRole("heading", { name: "Projects", exact: true }).waitFor();
  expect(await ground(page)).toBe(dark);
  await page.getByRole("button", { name: "auto", exact: true }).click();
  await page.getByRole("button", { name: "light", exact: true }).waitFor();
  expect(await ground(page)).toBe(light);
  await page.reload();
  await page.getByRole("button", { name: "light", exact: true }).waitFor();
  expect(await ground(page)).toBe(light);
  const other = await open("/projects");
  await other.getByRole("heading", { name: "Projects", exact: true }).waitFor();
  expect(await ground(other)).toBe(light);
});

test("every address can be opened directly, and one that is none says so", async () => {
  const page = await open("/projects/nowhere");
  await see(page, "There is no project");
  await page.goto("/deployments/dep0nowhere");
  await see(page, "There is no deployment");
  expect((await page.goto("/nowhere"))?.status()).toBe(404);
});
