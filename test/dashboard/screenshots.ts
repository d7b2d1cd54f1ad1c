// npm run screenshots: pictures of every view, light and dark, wide and 360 pixels narrow, of a made-up Galley: a real server and bus, and
// agents that tell a story. They go to dist/screenshots; with UPDATE_DOCS=1 the README's own also to docs/.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { repoKeyOf } from "../../src/bus/index.js";
import type { TestAgent } from "../queue/agent.js";
import { quick, startWorld } from "../queue/world.js";
import { answerCaches } from "../support/cached-agent.js";
import type { TestDatabases } from "../support/databases.js";
import { startGround } from "../support/ground-server.js";
import { openPage, session, startBrowser } from "./browser.js";
import { buildKitRecords, imagesTold, keepSome, tellRemovals } from "./kept.js";
import { failing, running } from "./shop-ends.js";
import { building } from "./shop-story.js";
import { story } from "./story.js";

const root = mkdtempSync(join(tmpdir(), "galley-screenshots-"));
const target = join(dirname(fileURLToPath(import.meta.url)), "../../screenshots");
/** Has the address of every page. */
const pages = join(dirname(fileURLToPath(import.meta.url)), "../../../src/dashboard/app.tsx");
const ofReadme = "building-wide-light.png";
let count = 0;
const databases: TestDatabases = {
  kind: "pglite",
  directory: () => root,
  fresh: async () => ({ dataDir: join(root, `db${++count}`) }),
};

const world = await startWorld(databases, {
  ...quick,
  forgottenMs: 600_000,
  unclaimedMs: 600_000,
  lostMs: 600_000,
});
const ground = await startGround(await databases.fresh());
const empty = await startWorld(databases);
await empty.call("DELETE", "/projects/shop");
const browser = await startBrowser();

const agent = await world.agent("rack-1", { slots: 4 });
await world.call("POST", "/agents", { name: "rack-2" });
await world.call("POST", "/projects", { name: "docs", url: "git@github.com:acme/docs.git" });
await world.call("PUT", "/projects/shop/env", { env: { LOG_LEVEL: "debug", FEATURE_BASKET: "on" } });

/** Deploys a pull request and tells its story; resolves with the deployment's id. */
async function deploy(
  pr: number,
  ago: number,
  tell: (s: ReturnType<typeof story>) => Promise<void>,
): Promise<string> {
  const { id } = await world.deploy({ pr });
  const work = await (agent as TestAgent).take();
  await work.settle();
  await tell(story(work, agent.connection, agent.id, Date.now() - ago));
  return id;
}
const up = await deploy(5, 3_600_000, async (s) => {
  await building(s, "Show prices with tax <script>alert(1)</script>");
  await running(s);
});
await world.deployment(up, ({ state }) => state === "running");
const failed = await deploy(9, 35_500, async (s) => {
  await building(s);
  await failing(s);
});
await world.deployment(failed, ({ final }) => final);
const live = await deploy(7, 14_000, (s) => building(s, "Let the basket be empty", true));
await world.deployment(live, ({ state }) => state === "building");
await world.deploy({ ref: "main" });

const shop = await world.call<{ environments: { id: string; name: string }[] }>("GET", "/environments");
const environment = shop.body.environments.find(({ name }) => name === "pr-5")?.id;

const kept = join(root, "kept");
const project = await world.call<{ url: string }>("GET", "/projects/shop");
const shopKey = repoKeyOf(project.body.url);
await keepSome(kept, shopKey, up);
await answerCaches(agent, world.bus, kept, {
  records: buildKitRecords(shopKey),
  budget: { all: 40e6, repository: 20e6 },
  images: imagesTold,
});
await tellRemovals(agent, shopKey);
agent.beat({ disk: { free: 61e9, total: 250e9, caches: 37e9 } });

interface View {
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly signedIn?: boolean;
  /** What is done on the page before the picture. */
  readonly act?: (page: Page) => Promise<void>;
}
let names = 0;
const views: readonly View[] = [
  { name: "set-up", url: ground.url, path: "/", signedIn: false },
  { name: "sign-in", url: world.url, path: "/", signedIn: false },
  { name: "first-steps", url: empty.url, path: "/" },
  { name: "first-agent", url: empty.url, path: "/admin/agents" },
  { name: "environments", url: world.url, path: "/" },
  { name: "environment", url: world.url, path: `/environments/${environment}` },
  { name: "building", url: world.url, path: `/deployments/${live}` },
  { name: "failed", url: world.url, path: `/deployments/${failed}` },
  {
    name: "running",
    url: world.url,
    path: `/deployments/${up}`,
    act: async (page) => {
      await page.getByRole("button").filter({ hasText: /^web/ }).click();
      await page.getByRole("button", { name: "all", exact: true }).click();
      await page.getByLabel("Search the log").fill("package-4");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "wrap" }).click();
    },
  },
  { name: "projects", url: world.url, path: "/projects" },
  {
    name: "add-project",
    url: world.url,
    path: "/projects",
    act: async (page) => {
      await page.getByRole("button", { name: "Add a project" }).click();
      await page.getByLabel("ssh key").check();
    },
  },
  { name: "project", url: world.url, path: "/projects/shop" },
  { name: "agents", url: world.url, path: "/admin/agents" },
  {
    name: "new-agent",
    url: world.url,
    path: "/admin/agents",
    act: async (page) => {
      await page.getByRole("button", { name: "New agent" }).click();
      names += 1;
      await page.getByLabel("Name", { exact: true }).fill(`barge-${names}`);
      await page.getByRole("button", { name: "Make the agent" }).click();
      await page.getByText(/^GALLEY_AGENT_TOKEN=/).waitFor();
    },
  },
  { name: "first-caches", url: empty.url, path: "/admin/caches" },
  { name: "caches", url: world.url, path: "/admin/caches/rack-1" },
  {
    name: "cache-repository",
    url: world.url,
    path: `/admin/caches/rack-1/${shopKey}`,
    act: (page) =>
      page.getByRole("region", { name: "Cache mounts" }).getByRole("button", { name: "/root/.npm" }).click(),
  },
  {
    name: "cache-layers",
    url: world.url,
    path: `/admin/caches/rack-1/${shopKey}`,
    act: (page) =>
      page
        .getByRole("region", { name: "Also kept" })
        .getByRole("button", { name: "web", exact: true })
        .click(),
  },
  {
    name: "cache-build",
    url: world.url,
    path: `/admin/caches/rack-1/${shopKey}`,
    act: (page) =>
      page.getByRole("region", { name: "Builds" }).getByRole("button", { name: "web" }).nth(1).click(),
  },
  {
    name: "verify",
    url: world.url,
    path: "/admin/caches",
    act: async (page) => {
      await page.getByRole("button", { name: "Verify…" }).click();
      await page.getByRole("button", { name: "Read all of it" }).click();
      await page.getByText("all sound").waitFor();
    },
  },
  {
    name: "prune",
    url: world.url,
    path: "/admin/caches",
    act: async (page) => {
      await page.getByRole("button", { name: "Prune…" }).click();
      await page.getByText("unpacked").waitFor();
    },
  },
  {
    name: "fork",
    url: world.url,
    path: `/deployments/${live}`,
    act: (page) => page.getByText("fork", { exact: true }).click(),
  },
  {
    name: "revoke",
    url: world.url,
    path: "/admin/agents",
    act: (page) => page.getByRole("button", { name: "Revoke rack-2" }).click(),
  },
  { name: "nowhere", url: world.url, path: "/projects/nowhere" },
  { name: "keys", url: world.url, path: "/", act: (page) => page.keyboard.press("?") },
];
// Whatever pictures are asked for: a page without one is noticed.
for (const [, pattern = ""] of readFileSync(pages, "utf8").matchAll(/pattern: "([^"]+)"/g)) {
  const address = new RegExp(`^${pattern.replace(/:[a-z]+/g, "[^/]+")}$`);
  if (!views.some(({ path }) => address.test(path))) throw new Error(`there is no picture of ${pattern}`);
}
mkdirSync(target, { recursive: true });
const sessions = new Map([
  [world.url, await session(world.url)],
  [empty.url, await session(empty.url)],
]);
const only = process.argv.slice(2);
for (const [width, height] of [
  [1280, 940],
  [360, 760],
] as const)
  for (const dark of [false, true]) {
    for (const { name, url, path, signedIn = true, act } of views) {
      if (only.length > 0 && !only.includes(name)) continue;
      const { page, faults, close } = await openPage(browser, {
        url,
        width,
        height,
        dark,
        session: signedIn ? sessions.get(url) : undefined,
      });
      await page.goto(path);
      await page.waitForLoadState("load");
      await page.waitForTimeout(signedIn ? 900 : 400);
      await act?.(page);
      await page.waitForTimeout(act ? 300 : 0);
      const file = join(
        target,
        `${name}-${width === 360 ? "narrow" : "wide"}-${dark ? "dark" : "light"}.png`,
      );
      await page.screenshot({ path: file, fullPage: !["building", "failed", "running"].includes(name) });
      if (faults.length > 0) console.error(`${name}: ${faults.join("\n")}`);
      await close();
    }
  }
console.log(`the pictures are in ${target}`);
if (process.env.UPDATE_DOCS) copyFileSync(join(target, ofReadme), join(target, "../../docs/dashboard.png"));
await browser.close();
await empty.remove();
await ground.close();
await world.remove();
rmSync(root, { recursive: true, force: true });
