import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { databaseKinds, startWorld, type World } from "./world.js";

describe.each(databaseKinds)("on %s", (kind) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld(kind);
  });
  afterAll(() => world?.remove());

  test("a job reaches the agent, its claim has what the project has, and nothing secret lies in a stream", async () => {
    const agent = await world.agent("one");
    const asked = await world.deploy({ pr: 1 });
    expect(asked).toMatchObject({ state: "queued", number: 1, environment: { name: "pr-1" } });
    const work = await agent.take();
    expect(work.granted).toMatchObject({
      attempt: 1,
      job: {
        deployment: asked.id,
        kind: "deploy",
        ref: "refs/pull/1/head",
        environment: { name: "pr-1", pr: 1 },
        secrets: { API_KEY: expect.any(String) },
      },
    });
    await world.deployment(asked.id, ({ state }) => state === "claimed");
  });
});
