// The rows of "When something is broken" in docs/agent.md that no other file breaks for real; that page names the others.
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { pushImage } from "../../src/docker/index.js";
import { refusingRegistry } from "../failure/registry-stand-in.js";
import { dockerOf, serve } from "../preview/engine-docker.js";
import { docker, labEngines, labName, labRegistry, purgeImage } from "../support/engines.js";
import { freePorts } from "../support/nats.js";
import { standing } from "../support/standing.js";
import { idle, manifest, slow } from "./files.js";
import {
  type AgentProcess,
  bundleAgent,
  type Deployment,
  type LocalAgent,
  leftOf,
  type StoredEvent,
  spawnAgent,
  startWorld,
  type TestAgent,
  type World,
} from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const begun = ({ type, lines }: StoredEvent) =>
  type === "step.log" && JSON.stringify(lines).includes("begun");

describe(`when something is broken, on engine ${engine.name}`, () => {
  let world: World;
  let removeBundle = () => {};
  let alone: AgentProcess | undefined;
  const folder = mkdtempSync(join(tmpdir(), "galley-unreached-"));
  let nowhere = "";
  /** An agent whose server is nowhere. */
  const unreached = () =>
    spawnAgent({
      PATH: engine.path,
      HOME: folder,
      DOCKER_HOST: engine.dockerHost,
      DOCKER_CONFIG: engine.dockerConfig,
      GALLEY_CONTROL_PLANE_URL: nowhere,
      GALLEY_NATS_URL: "nats://127.0.0.1:1",
      GALLEY_AGENT_TOKEN: `galley_agt_${"z".repeat(32)}`,
      GALLEY_DATA_DIR: mkdtempSync(join(folder, "agent-")),
      GALLEY_HEALTH_PORT: "0",
      GALLEY_FIREWALL: "off",
    });
  beforeAll(async () => {
    removeBundle = await bundleAgent();
    // An address of this machine at which nobody else listens either.
    nowhere = `http://127.54.32.10:${(await freePorts(1))[0]}`;
    // It waits for a minute or two, which the other tests need in any case.
    alone = unreached();
  });
  afterAll(async () => {
    await hangUp();
    alone?.child.kill("SIGKILL");
    await alone?.exited;
    rmSync(folder, { recursive: true, force: true });
    removeBundle();
  });
  const worldStands = standing(
    () => startWorld(engine),
    (one) => one.remove(),
  );
  /**
   * A deployment from a host that takes connections and says nothing, in a world of its own, whose clock goes on as it does: it takes two minutes, which
   * the other tests need in any case.
   */
  let unheard: { readonly apart: World; readonly url: string; readonly id: string } | undefined;
  const visitors = new Set<Socket>();
  const door = createServer((visitor) => visitors.add(visitor.on("error", () => {})));
  const knock = async () => {
    if (!door.listening) await new Promise<void>((listening) => door.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(door.address() as AddressInfo).port}/app.git`;
    const apart = await startWorld(engine);
    unheard = { apart, url, id: "" };
    await apart.start(await apart.agent("waits"), { GALLEY_DRAIN_SECONDS: "5" });
    await apart.call("POST", "/projects", { name: "unheard", url });
    const { id } = await apart.call<Deployment>("POST", "/projects/unheard/deployments", { pr: 1 });
    unheard = { apart, url, id };
  };
  const hangUp = async () => {
    for (const visitor of visitors) visitor.destroy();
    await unheard?.apart.remove();
    unheard = undefined;
    door.close();
  };
  let knocked = false;
  beforeEach(async () => {
    world = await worldStands();
    if (knocked) return;
    knocked = true;
    await knock();
  });
  const started = new Set<LocalAgent>();
  const stop = async (agent: LocalAgent) => {
    started.delete(agent);
    await agent.stop();
  };
  const start = async (agent: TestAgent, env?: Record<string, string>) => {
    // One that a failed test leaves in the middle of something is not waited for.
    const local = await world.start(agent, { GALLEY_DRAIN_SECONDS: "5", ...env });
    started.add(local);
    return local;
  };
  // Left by a test that failed, it would take the next one's jobs.
  afterEach(async () => {
    for (const agent of started) await stop(agent);
  });
  let prs = 0;
  const pushed = (files: Record<string, string>) => {
    prs += 1;
    world.push(prs, files);
    return prs;
  };
  const web = (service: object = { image: "busybox:latest", command: idle }) => ({
    "galley.yml": manifest({ web: service }),
  });
  const agentId = async (name: string) =>
    (await world.call<{ agents: { id: string; name: string }[] }>("GET", "/agents")).agents.find(
      (agent) => agent.name === name,
    )?.id ?? expect.fail(`there is no agent ${name}`);

  test("an expired, a rotated and a revoked token keep the agent from starting, and it says which and where to get another", async () => {
    const rotated = await world.agent("rotated");
    await world.call("POST", `/agents/${await agentId(rotated.name)}/rotate`);
    const revoked = await world.agent("gone");
    await world.call("DELETE", `/agents/${await agentId(revoked.name)}`);
    const expired = await world.agent("late");
    for (const [identity, words] of [
      [rotated, /newer bootstrap token/],
      [revoked, /revoked/],
      [expired, /expired/],
    ] as const) {
      world.clock.ahead = identity === expired ? 8 * 24 * 3600_000 : 0;
      const agent = world.spawn(identity);
      const code = await agent.exited;
      world.clock.ahead = 0;
      expect(code).toBe(1);
      expect(agent.output()).toMatch(words);
      expect(agent.output()).toMatch(/What to do: .*(galley agent (new|rotate)|Admin)/);
      expect(agent.output()).not.toContain(identity.env.GALLEY_AGENT_TOKEN);
    }
  });

  test("a Docker socket that answers nothing, at which nobody listens, or that is refused keeps the agent from starting, and it says so", async () => {
    const identity = await world.agent("deaf");
    const at = (name: string) => join(identity.dataDirectory, name);
    const listen = async (path: string) => {
      const listener = createServer((connection) => connection.destroy());
      await new Promise<void>((listening) => listener.listen(path, listening));
      return listener;
    };
    /** As root, who may use every socket, but for what `setpriv` takes away. */
    const says = async (socket: string, ...through: string[]) => {
      const agent = spawnAgent({ ...identity.env, DOCKER_HOST: `unix://${socket}` }, through);
      expect(await agent.exited).toBe(1);
      expect(agent.output()).toContain("the Docker Engine cannot be reached");
      return agent.output();
    };
    const [rude, refusing] = await Promise.all([listen(at("rude.sock")), listen(at("refusing.sock"))]);
    try {
      expect(await says(at("rude.sock"))).toContain("it does not answer");
      // What an engine leaves that was killed: the file, and nobody behind it.
      const left = await listen(at("going.sock"));
      renameSync(at("going.sock"), at("left.sock"));
      await new Promise((closed) => left.close(closed));
      expect(await says(at("left.sock"))).toMatch(/it does not answer.*ECONNREFUSED/);
      chownSync(at("refusing.sock"), 65_534, 65_534);
      chmodSync(at("refusing.sock"), 0o600);
      const refused = await says(at("refusing.sock"), "setpriv", "--bounding-set=-dac_override", "--");
      expect(refused).toMatch(/this user may not use its socket.*EACCES/);
      expect(refused).toContain("What to do: Run as root or as a member of the group docker.");
    } finally {
      rude.close();
      refusing.close();
    }
  });

  test("images that cannot be pulled fail the deployment, and the error says what to do", async () => {
    await start(await world.agent("pulls"));
    const { open, auth } = labRegistry();
    const limited = await refusingRegistry(429, "TOOMANYREQUESTS", { "retry-after": "60" });
    const causes = {
      "too many requests": `${limited.host}/library/busybox:latest`,
      "registry away": "127.0.0.1:1/library/busybox:latest",
      "image missing": `${open}/library/nobodymakesthis:latest`,
      "tag missing": `${open}/library/busybox:nosuchtag`,
      "login needed": `${auth.host}/private/app:latest`,
    };
    const ends = await Promise.all(
      Object.entries(causes).map(async ([cause, image]) => {
        const { id } = await world.deploy(pushed(web({ image, command: idle })));
        const { state, error } = await world.ended(id);
        return {
          cause,
          state,
          code: error?.code,
          named: error?.message.includes(image),
          hint: error?.hint,
        };
      }),
    ).finally(() => limited.close());
    const failed = (cause: string, code: unknown) => ({
      cause,
      state: "failed",
      code,
      named: true,
      hint: expect.stringMatching(/\S/),
    });
    expect(ends).toEqual([
      failed("too many requests", "image_rate_limited"),
      failed("registry away", "image_registry_unreachable"),
      failed("image missing", "image_not_found"),
      failed("tag missing", "image_not_found"),
      failed("login needed", "image_login_required"),
    ]);

    // With the project's login for that registry it is pulled.
    const { host, username, password } = auth;
    const name = `${host}/${labName("login")}:v1`;
    const engineDocker = await dockerOf(engine);
    try {
      await docker(engine, ["tag", "busybox", name]);
      await pushImage(engineDocker, name, {
        login: { username, password },
        signal: AbortSignal.timeout(60_000),
      });
      await purgeImage(engine, name);
      const login = { username, password };
      await world.call("PUT", `/projects/${world.project}/registries/${encodeURIComponent(host)}`, login);
      const { id } = await world.deploy(pushed(web({ image: name, command: idle })));
      expect(await world.ended(id)).toMatchObject({ state: "running", error: null });
      expect(JSON.stringify(await world.events(id))).not.toContain(password);
    } finally {
      await purgeImage(engine, name);
    }
  });

  test("a repository that cannot be had fails the deployment with the detail of login or network", async () => {
    await start(await world.agent("fetches"));
    const door = createHttpServer(
      (_, response) => void response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end(),
    );
    await new Promise<void>((listening) => door.listen(0, "127.0.0.1", listening));
    try {
      const fails = async (name: string, url: string) => {
        await world.call("POST", "/projects", { name, url });
        const { id } = await world.call<Deployment>("POST", `/projects/${name}/deployments`, { pr: 1 });
        return await world.ended(id);
      };
      const url = `http://127.0.0.1:${(door.address() as AddressInfo).port}/app.git`;
      expect(await fails("locked", url)).toMatchObject({
        state: "failed",
        error: { code: "git_auth_failed", message: expect.stringContaining(url), hint: expect.any(String) },
      });
      expect(await fails("closed", "http://127.0.0.1:1/app.git")).toMatchObject({
        state: "failed",
        error: { code: "git_unreachable", hint: expect.any(String) },
      });
      expect(await fails("nowhere", "http://git.nowhere.invalid/app.git")).toMatchObject({
        state: "failed",
        error: { code: "git_host_unknown", message: expect.stringContaining("git.nowhere.invalid") },
      });
    } finally {
      door.close();
    }
  });

  test("a data directory that was deleted while the agent was stopped costs a fresh clone and nothing else", async () => {
    const identity = await world.agent("emptied");
    const limits = { GALLEY_DEFAULT_CPUS: "0.5", GALLEY_DEFAULT_MEMORY: "64m" };
    const first = await start(identity, limits);
    const pr = pushed(web());
    const { id } = await world.deploy(pr);
    expect(await world.ended(id)).toMatchObject({ state: "running" });
    const before = await leftOf(engine, first.id);
    // What services get that pin nothing.
    const limited = await docker(engine, [
      "inspect",
      "--format",
      "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}",
      before[0]!,
    ]);
    expect(limited.trim()).toBe(`${0.5e9} ${64 * 1024 ** 2}`);
    await stop(first);
    rmSync(identity.dataDirectory, { recursive: true });

    const second = await start(identity, limits);
    expect(second.id).toBe(first.id);
    expect(await leftOf(engine, second.id)).toEqual(before);
    const commit = world.push(pr, { ...web(), "README.md": "another\n" });
    const again = await world.deploy(pr);
    expect(await world.ended(again.id)).toMatchObject({ state: "running", commit });
    const mirrors = readdirSync(join(identity.dataDirectory, "repos")).filter((name) =>
      name.endsWith(".git"),
    );
    expect(mirrors).toHaveLength(1);
  });

  test("an agent that is killed while new versions start or take over, which are cancelled meanwhile, leaves what serves and nothing else", async () => {
    const identity = await world.agent("killed");
    const spawned = (env: Record<string, string> = {}) =>
      world.spawn(identity, { GALLEY_DRAIN_SECONDS: "5", ...env });
    const ready = (agent: AgentProcess) => agent.said("the agent is ready");
    const busybox = { image: "busybox:latest" };
    const never = {
      command: ["sh", "-c", serve("web")],
      expose: 8080,
      health: { path: "/never", timeout: 600 },
    };
    /** With a public service, and a database that cannot run twice. */
    const shop = (number: number, more: object) => ({
      "galley.yml": manifest({
        web: { ...busybox, ...never, kind: "web", depends_on: ["db"], ...more },
        db: { ...busybox, kind: "database", command: idle, volumes: ["/rows"], env: { NUMBER: `${number}` } },
      }),
    });
    /** Without any public service. */
    const tools = (more: object) => ({
      "galley.yml": manifest({ worker: { ...busybox, kind: "worker", command: idle }, ...more }),
    });
    const containers = async (environment: string, ...format: string[]) => {
      const all = ["ps", "-a", "--no-trunc", "--filter", `label=sh.galley.environment=${environment}`];
      return (await docker(engine, [...all, ...format]))
        .split("\n")
        .filter((line) => line !== "")
        .sort();
    };
    const patience = { timeout: 100_000, interval: 200 };
    const first = spawned();
    await ready(first);
    const prs = [pushed(shop(1, { health: { path: "/who" } })), pushed(tools({}))] as const;
    const served = await Promise.all(prs.map(async (pr) => world.ended((await world.deploy(pr)).id)));
    expect(served).toMatchObject([{ state: "running" }, { state: "running" }]);
    const [one = "", two = ""] = served.map(({ environment }) => environment.id);
    const serving = [await containers(one, "-q"), await containers(two, "-q")];
    expect(serving.map(({ length }) => length)).toEqual([2, 1]);

    world.push(prs[0], shop(2, {}));
    world.push(prs[1], tools({ late: { ...busybox, ...never, kind: "worker" } }));
    const begun = await Promise.all(prs.map((pr) => world.deploy(pr)));
    const count = async () => [(await containers(one, "-q")).length, (await containers(two, "-q")).length];
    await expect.poll(count, patience).toEqual([4, 2]);
    first.child.kill("SIGKILL");
    await first.exited;
    // What has taken the database's place does not stand: nobody would have the rows.
    const [replacement = ""] = await containers(one, "-q", "--filter", "name=-db-2");
    await docker(engine, ["kill", replacement]);

    // It is started again without the help of anybody: the bus is away.
    await world.bus.server.stop();
    const again = spawned({ GALLEY_SWITCH_SECONDS: "60" });
    await again.said("started again what was stopped");
    expect(again.output()).not.toContain("the agent is ready");
    await world.bus.server.start();
    await ready(again);
    await Promise.all(begun.map(({ id }) => world.call("POST", `/deployments/${id}/cancel`)));
    for (const { id } of begun) expect(await world.ended(id)).toMatchObject({ state: "cancelled" });
    await expect.poll(() => containers(one, "-q"), patience).toEqual(serving[0]);
    await expect.poll(() => containers(two, "-q"), patience).toEqual(serving[1]);
    const states = [
      ...(await containers(one, "--format", "{{.State}}")),
      ...(await containers(two, "--format", "{{.State}}")),
    ];
    expect(states).toEqual(["running", "running", "running"]);
    for (const { id } of served)
      expect(await world.until(id, () => true)).toMatchObject({ state: "running" });
    // Killed once more, after the routes have switched: what was replaced goes when it is back, before anybody has asked for that.
    world.push(prs[0], shop(3, { health: { path: "/who" } }));
    const { id: switched } = await world.deploy(prs[0]);
    const open = ["--filter", "health=healthy", "--filter", `name=galley-pv-${one}-web-2`];
    await expect.poll(() => containers(one, "-q", ...open), patience).toHaveLength(1);
    again.child.kill("SIGKILL");
    await again.exited;
    expect(await containers(one, "-q")).toHaveLength(4);
    const last = spawned();
    await last.said("removed what was replaced");
    expect(await containers(one, "--format", "{{.Names}} {{.State}}")).toEqual(
      ["db", "web"].map((service) => `galley-pv-${one}-${service}-2 running`),
    );
    await ready(last);
    await world.call("POST", `/deployments/${switched}/cancel`);
    await world.ended(switched);

    const directories = ["worktrees", "exports"].map((name) => join(identity.dataDirectory, name));
    expect(directories.flatMap((path) => (existsSync(path) ? readdirSync(path) : []))).toEqual([]);

    for (const environment of [one, two]) {
      const removal = await world.call<{ id: string }>("POST", `/environments/${environment}/terminate`);
      expect(await world.ended(removal.id)).toMatchObject({ state: "terminated" });
    }
    expect(await leftOf(engine, await agentId(identity.name))).toEqual([]);
    last.child.kill("SIGTERM");
    expect(await last.exited).toBe(0);
  }, 300_000);

  test("a server that is restarted in the middle of a build does not disturb it, and all of its events arrive", async () => {
    await start(await world.agent("undisturbed"));
    const { id } = await world.deploy(pushed(slow(5)));
    await world.event(id, begun);
    await world.stopServer();
    await world.startServer();
    expect(await world.ended(id)).toMatchObject({ state: "running", attempt: 1 });
    const events = await world.events(id);
    const numbers = events.map(({ seq }) => seq).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const logged = JSON.stringify(events.filter(({ type }) => type === "step.log"));
    for (const line of ["line 1", "line 5", "over"]) expect(logged).toContain(`"${line}"`);
  });

  test("an agent that is not heard of any more in the middle of a build is waited for, and then its deployment fails with agent_lost_contact", async () => {
    const agent = world.spawn(await world.agent("silent"));
    try {
      await agent.said("the agent is ready");
      const { id } = await world.deploy(pushed(slow(600)));
      await world.event(id, begun);
      // It is there, and says nothing: no heartbeat comes, and nobody takes leave of the bus.
      agent.child.kill("SIGSTOP");
      const minute = 60_000;
      world.clock.ahead = 3 * minute;
      await expect
        .poll(async () => {
          const { agents } = await world.call<{ agents: { name: string; online: boolean }[] }>(
            "GET",
            "/agents",
          );
          return agents.find(({ name }) => name.startsWith("silent"))?.online;
        })
        .toBe(false);
      expect(await world.until(id, () => true)).toMatchObject({ state: "building" });
      world.clock.ahead = 6 * minute;
      expect(await world.ended(id)).toMatchObject({
        state: "failed",
        error: { code: "agent_lost_contact", hint: expect.any(String) },
      });
    } finally {
      world.clock.ahead = 0;
      agent.child.kill("SIGKILL");
      await agent.exited;
    }
  });

  test("a repository whose host takes connections and says nothing fails the deployment with the detail of the network", {
    timeout: 300_000,
  }, async () => {
    const { apart, url, id } = unheard ?? expect.fail("nothing was asked of it");
    try {
      const over = async () => (await apart.until(id, () => true)).final;
      await expect.poll(over, { timeout: 250_000, interval: 500 }).toBe(true);
      expect(await apart.until(id, () => true)).toMatchObject({
        state: "failed",
        error: { code: "git_timeout", message: expect.stringContaining(url), hint: expect.any(String) },
      });
    } catch (error) {
      knocked = false;
      throw error;
    } finally {
      await hangUp();
    }
  });

  test("a server that is nowhere when the agent starts is asked ten times, and then the agent ends with a sentence", async () => {
    const agent = alone ?? unreached();
    alone = undefined;
    try {
      expect(await agent.exited).toBe(1);
      const cannot = `The server at ${nowhere} cannot be reached: `;
      expect(agent.output().split(`"msg":"${cannot}`)).toHaveLength(10);
      expect(agent.output()).toMatch(
        new RegExp(
          `\\nerror: ${cannot}nobody listens there.\\nWhat to do: Check GALLEY_CONTROL_PLANE_URL.*\\n$`,
        ),
      );
      expect(agent.output()).not.toContain("zzzz");
    } finally {
      agent.child.kill("SIGKILL");
      await agent.exited;
    }
  });

  test("an agent that waits for its server ends at once and without a complaint when it is told to", async () => {
    const agent = unreached();
    try {
      await agent.said("cannot be reached");
      agent.child.kill("SIGTERM");
      expect(await agent.exited).toBe(0);
      expect(agent.output()).not.toContain("error");
    } finally {
      agent.child.kill("SIGKILL");
      await agent.exited;
    }
  });
});
