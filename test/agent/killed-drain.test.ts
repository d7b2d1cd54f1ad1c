import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { serve } from "../preview/engine-docker.js";
import { docker, labEngines } from "../support/engines.js";
import { manifest } from "./files.js";
import { type AgentProcess, bundleAgent, leftOf, startWorld, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;

let removeBundle = () => {};
beforeAll(async () => {
  removeBundle = await bundleAgent();
});
afterAll(() => removeBundle());

let world: World;
beforeEach(async () => {
  world = await startWorld(engine);
});
afterEach(() => world?.remove());

const shop = (...services: string[]) => ({
  "galley.yml": manifest(
    Object.fromEntries(
      services.map((name) => [
        name,
        { kind: "web", image: "busybox:latest", command: ["sh", "-c", serve(name)], expose: 8080 },
      ]),
    ),
  ),
});

test("a service that a deployment has only taken away goes when its agent, killed before it was gone, is back, also while the bus is away", async () => {
  const identity = await world.agent("taken");
  const spawned = (seconds: number): AgentProcess =>
    world.spawn(identity, { GALLEY_DRAIN_SECONDS: "5", GALLEY_SWITCH_SECONDS: String(seconds) });
  const first = spawned(60);
  await first.said("the agent is ready");
  // Of one service alone the address would be another.
  world.push(1, shop("web", "more", "extra"));
  const { environment } = await world.ended((await world.deploy(1)).id);
  const list = async (...args: string[]) =>
    (await docker(engine, args))
      .split("\n")
      .filter((line) => line !== "")
      .sort();
  const ours = ["--filter", `label=sh.galley.environment=${environment.id}`];
  const containers = () => list("ps", "-a", ...ours, "--format", "{{.Names}} {{.State}}");
  const named = (service: string) => `galley-pv-${environment.id}-${service}-1 running`;
  const stay = ["more", "web"].map(named);
  expect(await containers()).toEqual([named("extra"), ...stay]);

  world.push(1, shop("web", "more"));
  const { id } = await world.deploy(1);
  const leaving = () => list("volume", "ls", "-q", ...ours, "--filter", "label=sh.galley.role=leaving");
  await expect.poll(leaving, { interval: 100 }).toHaveLength(1);
  first.child.kill("SIGKILL");
  await first.exited;
  expect(await containers()).toEqual([named("extra"), ...stay]);

  await world.bus.server.stop();
  const second = spawned(1);
  await second.said("removed what was replaced");
  expect(second.output()).not.toContain("the agent is ready");
  expect(await containers()).toEqual(stay);
  expect(await leaving()).toEqual([]);
  await world.bus.server.start();
  await second.said("the agent is ready");
  await world.call("POST", `/deployments/${id}/cancel`);
  expect(await world.ended(id)).toMatchObject({ final: true });
  const removal = await world.call<{ id: string }>("POST", `/environments/${environment.id}/terminate`);
  await world.ended(removal.id);
  const agent = /"agent":"([a-z0-9]+)"/.exec(second.output())?.[1] ?? "";
  expect(await leftOf(engine, agent)).toEqual([]);
  second.child.kill("SIGTERM");
  expect(await second.exited).toBe(0);
}, 240_000);
