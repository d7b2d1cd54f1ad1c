import { afterAll, beforeAll, expect, test } from "vitest";
import { createAgentKey } from "../../src/bus/index.js";
import { exchange } from "../queue/agent.js";
import { quick, startWorld, type World } from "../queue/world.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
let world: World;
let person: Person;
beforeAll(async () => {
  world = await startWorld(databases, quick);
  person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
});
afterAll(async () => {
  person?.remove();
  await world?.remove();
  databases.remove();
});

const key = () => createAgentKey().publicKey;

test("a new agent's token is one line for its .env on stdout, and introduces it", async () => {
  const { code, stdout, stderr } = await person.run(["agent", "new", "build-1"]);
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^GALLEY_AGENT_TOKEN=galley_agt_\w+\n$/);
  expect(stderr).toContain("shown this once");
  expect(stderr).not.toContain("galley_agt_");
  const token = stdout.trim().split("=")[1] ?? "";
  expect((await exchange(world.url, token, key())).status).toBe(200);
  expect(await person.good(["agent", "ls", "--json"])).not.toContain(token);
  const again = await person.run(["agent", "new", "build-1"]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain("galley agent rotate");
});

test("agents are listed with what they are and do", async () => {
  await world.agent("busy", { slots: 3 });
  const list = await person.good(["agent", "ls"]);
  expect(list).toMatch(/^NAME +STATE +SLOTS +SEEN +VERSION +ENGINE +DISK FREE\n/);
  expect(list).toMatch(/^build-1 +never seen +- +- /m);
  expect(list).toMatch(/^busy +online +0 of 3 +(\d+s ago|just now) +0\.1\.0 +28\.0\.0 +1\.0 GB$/m);
  expect((await person.json(["agent", "ls"])).map(({ name }: { name: string }) => name)).toEqual([
    "build-1",
    "busy",
  ]);
});

test("a rotated token takes the place of the one before; a removed agent is refused", async () => {
  const before = (await person.json(["agent", "new", "build-2"])).token;
  const after = (await person.good(["agent", "rotate", "build-2"])).trim().split("=")[1] ?? "";
  expect((await exchange(world.url, before, key())).status).toBe(401);
  expect((await exchange(world.url, after, key())).status).toBe(200);
  expect((await person.run(["agent", "rm", "build-2"])).code).toBe(2);
  expect(await person.good(["agent", "rm", "build-2", "--yes"])).toBe("Revoked build-2.\n");
  expect((await exchange(world.url, after, key())).status).toBe(403);
  expect((await person.run(["agent", "rotate", "build-2"])).stderr).toContain("no agent");
});

test("a bad setting of an agent is named before anything starts", async () => {
  const env = { GALLEY_CONTROL_PLANE_URL: "nonsense", GALLEY_AGENT_TOKEN: "galley_agt_secret" };
  const { code, stderr } = await person.run(["agent", "run"], { env });
  expect(code, stderr).toBe(2);
  expect(stderr).toContain("GALLEY_CONTROL_PLANE_URL");
  expect(stderr).not.toContain("galley_agt_secret");
});
