// What the tests of the dashboard share: a browser, a real server, bus and Postgres, and an agent that tells what a test wants.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { TestAgent, Work } from "../queue/agent.js";
import { quick, standingWorld, type World } from "../queue/world.js";
import { type PostgresServer, startPostgres } from "../support/postgres.js";
import { openPage, session, startBrowser, type Watched } from "./browser.js";
import { type Story, story } from "./story.js";

export interface OpenOptions {
  readonly width?: number;
  /** What the system's colours are. Default: false. */
  readonly dark?: boolean;
  /** Default: the world's server. */
  readonly url?: string;
  /** Default: true. */
  readonly signedIn?: boolean;
}

export interface Begun {
  readonly id: string;
  /** Number of its pull request. */
  readonly pr: number;
  readonly work: Work;
  readonly told: Story;
}

/** Brings everything up before the tests of the file and down after them. To be called once, at its top. */
export function dashboard() {
  let browser: Browser | undefined;
  let postgres: PostgresServer | undefined;
  let world: World | undefined;
  let agent: TestAgent | undefined;
  let database = "";
  let cookie = "";
  let pulls = 0;
  const pages: Watched[] = [];

  beforeAll(async () => {
    [browser, postgres] = await Promise.all([startBrowser(), startPostgres()]);
  });
  afterAll(async () => {
    await postgres?.remove();
    await browser?.close();
  });
  const databases = {
    kind: "postgres",
    directory: () => "",
    fresh: async () => {
      database = await there(postgres).database();
      return { url: database };
    },
  } as const;
  // However slow the machine is: what a test leaves alone stays as it is.
  const never = 3600_000;
  const standing = standingWorld(databases, {
    ...quick,
    forgottenMs: never,
    unclaimedMs: never,
    lostMs: never,
    goneMs: never,
  });
  beforeEach(async () => {
    const stands = await standing();
    if (stands.world !== world) cookie = await session(stands.world.url);
    ({ world, agent } = stands);
  });
  afterEach(async () => {
    // Whatever a test looks at: no fault of a script, nothing that the content policy refuses, no other host is asked.
    for (const { faults, close } of pages.splice(0)) {
      await close();
      expect(faults).toEqual([]);
    }
  });

  const there = <T>(thing: T | undefined): T => {
    if (thing === undefined) throw new Error("the set-up has failed");
    return thing;
  };
  /** Takes the job of a deployment that was requested. */
  const take = async (id: string, pr: number, ago = 10_000): Promise<Begun> => {
    const work = await there(agent).take();
    expect(work.deployment).toBe(id);
    await work.settle();
    const { connection, id: agentId } = there(agent);
    return { id, pr, work, told: story(work, connection, agentId, Date.now() - ago) };
  };
  return {
    world: () => there(world),
    agent: () => there(agent),
    /** Of the world's database. */
    databaseUrl: () => database,
    /** An empty database. */
    anotherDatabase: () => there(postgres).database(),
    take,
    /** A deployment of a pull request of its own, which the agent has taken. */
    begin: async () => {
      pulls += 1;
      const { id } = await there(world).deploy({ pr: pulls });
      return take(id, pulls);
    },
    open: async (path: string, options: OpenOptions = {}): Promise<Page> => {
      const { url = there(world).url, signedIn = true, width, dark = false } = options;
      const watched = await openPage(there(browser), {
        url,
        dark,
        ...(width === undefined ? {} : { width }),
        session: signedIn ? cookie : undefined,
      });
      pages.push(watched);
      await watched.page.goto(path);
      return watched.page;
    },
  };
}

export const see = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
export const log = (page: Page) => page.getByRole("region", { name: "Log" });
export const lineCount = (page: Page, count: string) =>
  log(page).getByText(`${count} lines`, { exact: true }).waitFor();
