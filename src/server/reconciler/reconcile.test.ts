import { describe, expect, test } from "vitest";
import {
  type Action,
  type JobsState,
  type OpenDeployment,
  reconcile,
  type SeenAgent,
  type SeenEnvironment,
} from "./reconcile.js";

const now = 10_000_000;
const settings = {
  heartbeatMs: 10_000,
  lostMs: 300_000,
  jobExpiryMs: 3_600_000,
  unclaimedMs: 30_000,
  forgottenMs: 45_000,
  maxAttempts: 3,
};
const agent = (more: Partial<SeenAgent> = {}): SeenAgent => ({
  id: "a",
  revoked: false,
  online: true,
  seenAt: now - 1000,
  draining: false,
  running: [],
  unsent: 0,
  ...more,
});
const queued = (more: Partial<OpenDeployment> = {}): OpenDeployment => ({
  id: "d",
  kind: "deploy",
  state: "queued",
  agent: "a",
  attempt: 0,
  handBacks: 0,
  waitsSince: now - 60_000,
  publishedAt: now - 10_000,
  heardAt: null,
  cancelReason: null,
  cancelRequestedAt: null,
  ...more,
});
const building = (more: Partial<OpenDeployment> = {}): OpenDeployment =>
  queued({ state: "building", attempt: 1, heardAt: now - 2000, ...more });
const jobs = (stored: string[] = ["d"], consumer = { pending: 0, unacked: 1 }): JobsState => ({
  stored: new Set(stored),
  consumers: new Map([["a", consumer]]),
});
const run = (
  deployments: OpenDeployment[],
  agents: SeenAgent[] = [agent()],
  more: { jobs?: JobsState | null; since?: number; environments?: SeenEnvironment[] } = {},
): Action[] =>
  reconcile({ now, since: 0, deployments, agents, environments: [], jobs: jobs(), settings, ...more });
const holds = [{ deployment: "d", attempt: 1 }];

describe("agents", () => {
  test("come online with a heartbeat and go offline after three that did not come", () => {
    expect(run([], [agent({ online: false })])).toEqual([{ type: "online", agent: "a" }]);
    expect(run([], [agent({ seenAt: now - 30_000 })])).toEqual([]);
    expect(run([], [agent({ seenAt: now - 30_001 })])).toEqual([{ type: "offline", agent: "a" }]);
    expect(run([], [agent({ online: false, seenAt: null })])).toEqual([]);
  });

  test("are not taken to be away because the server was", () => {
    expect(run([], [agent({ seenAt: now - 500_000 })], { since: now - 29_000 })).toEqual([]);
    expect(run([], [agent({ seenAt: now - 500_000 })], { since: now - 31_000 })).toEqual([
      { type: "offline", agent: "a" },
    ]);
    expect(run([], [agent({ online: false, seenAt: now - 500_000 })], { since: now - 1000 })).toEqual([]);
  });

  test("are offline at once when revoked, and nothing more is asked of them", () => {
    expect(
      run([], [agent({ revoked: true, running: holds })], {
        jobs: { stored: new Set(), consumers: new Map() },
      }),
    ).toEqual([{ type: "offline", agent: "a" }]);
  });

  test("are told to compare when they run what they should not", () => {
    const sync = { type: "sync", agent: "a" };
    expect(run([], [agent({ running: holds })])).toEqual([sync]);
    expect(run([building({ attempt: 2, heardAt: now - 500 })], [agent({ running: holds })])).toEqual([sync]);
    expect(run([building({ agent: "b" })], [agent({ running: holds }), agent({ id: "b" })])).toContainEqual(
      sync,
    );
    expect(run([building()], [agent({ running: holds })])).toEqual([]);
  });

  test("get their consumer back when the bus has lost it", () => {
    expect(run([], [agent()], { jobs: { stored: new Set(), consumers: new Map() } })).toEqual([
      { type: "consumer", agent: "a" },
    ]);
    expect(run([], [agent()], { jobs: null })).toEqual([]);
  });

  test("get a new consumer when theirs delivers nothing though there is something", () => {
    const stuck = jobs(["d"], { pending: 0, unacked: 0 });
    const old = queued({ publishedAt: now - 30_000 });
    expect(run([old], [agent()], { jobs: stuck })).toContainEqual({ type: "consumer", agent: "a" });
    for (const consumer of [
      { pending: 1, unacked: 0 },
      { pending: 0, unacked: 1 },
    ])
      expect(run([old], [agent()], { jobs: jobs(["d"], consumer) })).not.toContainEqual({
        type: "consumer",
        agent: "a",
      });
    expect(run([queued()], [agent()], { jobs: stuck })).not.toContainEqual({ type: "consumer", agent: "a" });
  });
});

describe("a queued deployment", () => {
  const dispatch: Action = { type: "dispatch" };

  test("that was just published is left alone", () => {
    expect(run([queued()])).toEqual([dispatch]);
  });

  test("has agents looked for when it has none", () => {
    expect(run([queued({ agent: null, publishedAt: null })])).toEqual([dispatch]);
  });

  test("expires, whoever it was meant for", () => {
    for (const more of [{ agent: null }, { agent: "a" }, { kind: "terminate" as const }])
      expect(run([queued({ waitsSince: now - settings.jobExpiryMs, ...more })])).toContainEqual({
        type: "fail",
        deployment: "d",
        code: "job_expired",
      });
    expect(run([queued({ waitsSince: now - settings.jobExpiryMs + 1 })])).toEqual([dispatch]);
  });

  test("is published when the server died between deciding and doing", () => {
    expect(run([queued({ publishedAt: null })])).toContainEqual({ type: "publish", deployment: "d" });
  });

  test("is published again when the stream has lost it", () => {
    expect(run([queued()], [agent()], { jobs: jobs([]) })).toContainEqual({
      type: "publish",
      deployment: "d",
    });
  });

  test("is not published again because the look at the stream was a moment too early", () => {
    expect(run([queued({ publishedAt: now - 4000 })], [agent()], { jobs: jobs([]) })).toEqual([dispatch]);
  });

  test("is published again when nobody claims it", () => {
    const old = queued({ publishedAt: now - settings.unclaimedMs });
    expect(run([old])).toContainEqual({ type: "publish", deployment: "d" });
    expect(run([old], [agent()], { jobs: null })).toContainEqual({ type: "publish", deployment: "d" });
  });

  test("is taken from an agent that is away, drains, is revoked or unknown", () => {
    for (const agents of [
      [agent({ draining: true })],
      [agent({ seenAt: 0, online: false })],
      [agent({ revoked: true, online: false })],
      [],
    ])
      expect(run([queued()], agents)).toContainEqual({ type: "unassign", deployment: "d" });
  });
});

describe("a deployment under way", () => {
  test("is left alone while its agent holds it, however silent it is", () => {
    expect(run([building({ heardAt: now - 3_000_000 })], [agent({ running: holds })])).toEqual([]);
  });

  test("fails with agent_lost_contact when its agent is not heard of for the grace period", () => {
    const away = (ms: number) => agent({ online: false, seenAt: now - ms });
    expect(run([building({ heardAt: 0 })], [away(settings.lostMs - 1)])).toEqual([]);
    expect(run([building({ heardAt: 0 })], [away(settings.lostMs)])).toEqual([
      { type: "fail", deployment: "d", code: "agent_lost_contact" },
    ]);
  });

  test("is not given up for a silence in which the server did not listen", () => {
    expect(
      run([building({ heardAt: 0 })], [agent({ online: false, seenAt: 1 })], { since: now - 1000 }),
    ).toEqual([]);
  });

  test("is not given up while its events arrive", () => {
    expect(run([building()], [agent({ online: false, seenAt: 1 })])).toEqual([]);
  });

  test("is cancelled, not failed, when it was to be cancelled", () => {
    expect(
      run(
        [building({ heardAt: 0, cancelReason: "superseded", cancelRequestedAt: 5 })],
        [agent({ online: false, seenAt: 1 })],
      ),
    ).toEqual([{ type: "settle", deployment: "d" }]);
  });

  test("ends at once when its agent was revoked or is unknown", () => {
    const end: Action = { type: "fail", deployment: "d", code: "agent_revoked" };
    expect(run([building()], [agent({ revoked: true, online: false })])).toEqual([end]);
    expect(run([building()], [])).toEqual([end]);
  });

  test("has its cancel told again until the agent tells the end", () => {
    const cancel: Action = { type: "cancel", deployment: "d", agent: "a", reason: "cancelled" };
    const asked = (ms: number) => building({ cancelReason: "cancelled", cancelRequestedAt: now - ms });
    expect(run([asked(9_999)], [agent({ running: holds })])).toEqual([]);
    expect(run([asked(10_000)], [agent({ running: holds })])).toEqual([cancel]);
  });

  describe("that its agent does not have any more", () => {
    const silent = building({ heardAt: now - settings.forgottenMs, publishedAt: now - 100_000 });

    test("waits for the bus to deliver the job again, while the stream has it", () => {
      expect(run([silent])).toEqual([]);
    });

    test("is published again when the stream has lost it, or does not deliver it", () => {
      expect(run([silent], [agent()], { jobs: jobs([]) })).toEqual([{ type: "publish", deployment: "d" }]);
      expect(run([{ ...silent, heardAt: now - 2 * settings.forgottenMs }])).toEqual([
        { type: "publish", deployment: "d" },
      ]);
    });

    test("is not published again with every look", () => {
      expect(run([{ ...silent, publishedAt: now - 1000 }], [agent()], { jobs: jobs([]) })).toEqual([]);
    });

    test("fails after the last attempt", () => {
      expect(run([{ ...silent, attempt: 3 }], [agent()], { jobs: jobs([]) })).toEqual([
        { type: "fail", deployment: "d", code: "too_many_attempts" },
      ]);
    });

    test("is given another try for each that was handed back", () => {
      expect(run([{ ...silent, attempt: 3, handBacks: 1 }], [agent()], { jobs: jobs([]) })).toEqual([
        { type: "publish", deployment: "d" },
      ]);
    });

    test("is taken back from one that drains, or has drained and is away, and does not wait for it", () => {
      const back: Action = { type: "take-back", deployment: "d" };
      const drained = agent({ draining: true, online: false, seenAt: now - 40_000 });
      const since = { ...silent, heardAt: now - 60_000 };
      expect(run([silent], [agent({ draining: true })])).toEqual([back]);
      expect(run([since], [drained])).toEqual([back]);
      expect(run([since], [{ ...drained, running: holds }])).toEqual([]);
      expect(run([since], [{ ...drained, unsent: 3 }])).toEqual([]);
      expect(run([{ ...since, heardAt: now - 41_000 }], [drained])).toEqual([]);
      expect(run([since], [{ ...drained, draining: false }])).toEqual([]);
    });

    test("is cancelled when it was to be", () => {
      expect(run([{ ...silent, cancelReason: "cancelled", cancelRequestedAt: 1 }])).toEqual([
        { type: "settle", deployment: "d" },
      ]);
    });

    test("is waited for while the agent has events to send, or no heartbeat came since", () => {
      expect(run([silent], [agent({ unsent: 3 })], { jobs: jobs([]) })).toEqual([]);
      expect(
        run([{ ...silent, heardAt: now - 20_000 }], [agent({ seenAt: now - 21_000 })], { jobs: jobs([]) }),
      ).toEqual([]);
    });
  });
});

test("what is final is nobody's business", () => {
  for (const state of ["running", "terminated", "failed", "cancelled", "superseded"] as const)
    expect(run([building({ state })], [agent({ revoked: true, online: false })])).toEqual([]);
});

describe("an environment", () => {
  const environment = (more: Partial<SeenEnvironment> = {}): SeenEnvironment => ({
    id: "e",
    pinned: false,
    expiresAt: now,
    busy: false,
    agent: "a",
    awake: true,
    lastRequestAt: now - 1000,
    idleMs: 0,
    ...more,
  });
  const seen = (more: Partial<SeenEnvironment>) => run([], [agent()], { environments: [environment(more)] });

  test("is taken down when its time is over, unless it is pinned, or something is being done to it", () => {
    expect(seen({})).toEqual([{ type: "expire", environment: "e" }]);
    expect(seen({ expiresAt: now + 1 })).toEqual([]);
    expect(seen({ expiresAt: null })).toEqual([]);
    expect(seen({ pinned: true })).toEqual([]);
    expect(seen({ busy: true })).toEqual([]);
  });

  test("hibernates when nobody has asked for anything for as long as its project says", () => {
    const hibernate = { type: "hibernate", environment: "e" };
    const idle = { expiresAt: null, idleMs: 60_000, lastRequestAt: now - 60_000 };
    expect(seen(idle)).toEqual([hibernate]);
    expect(seen({ ...idle, pinned: true })).toEqual([hibernate]);
    expect(seen({ ...idle, lastRequestAt: now - 59_999 })).toEqual([]);
    for (const more of [{ idleMs: 0 }, { awake: false }, { busy: true }, { agent: null }])
      expect(seen({ ...idle, ...more })).toEqual([]);
  });

  test("does not hibernate for requests that nobody could see: its agent or this server was away", () => {
    const environments = [environment({ expiresAt: null, idleMs: 60_000, lastRequestAt: now - 90_000 })];
    const hibernates = (agents: SeenAgent[], since = 0) =>
      run([], agents, { environments, since }).some(({ type }) => type === "hibernate");
    expect(hibernates([agent()])).toBe(true);
    expect(hibernates([agent({ online: false })])).toBe(false);
    expect(hibernates([agent({ seenAt: now - 500_000 })])).toBe(false);
    expect(hibernates([agent()], now - 59_000)).toBe(false);
  });
});
