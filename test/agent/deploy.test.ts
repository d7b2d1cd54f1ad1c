import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pointerTo } from "../source/lfs-server.js";
import {
  docker,
  type LabEngine,
  labName,
  labRegistry,
  onEachEngine,
  purgeImage,
} from "../support/engines.js";
import { idle, manifest, shop } from "./files.js";
import { type LocalAgent, leftOf, type StoredEvent, startWorld, type World } from "./world.js";

/** The oldest engine and the newest, which keep images in different stores. */
const chosen = (engine: LabEngine) => engine.found || ["20", "28c"].includes(engine.name);

onEachEngine((engine) => {
  let world: World;
  let agent: LocalAgent;
  /** The engine that pushes no images for it, whose names would keep them. */
  const layersGoTo = engine.store === "containerd" ? `${labRegistry().open}/${labName("layers")}` : undefined;
  beforeAll(async () => {
    world = await startWorld(engine);
    const env = layersGoTo === undefined ? {} : { GALLEY_CACHE_REGISTRY: layersGoTo };
    agent = await world.start(await world.agent("one"), env);
  });
  afterAll(async () => {
    await world?.remove();
  });

  /** For what is no matter of the engine; test/agent/engines.test.ts goes all the way on those that are not here. */
  const newest = engine.found || engine.name === "28c";
  /** In every image: else the engine has them from an earlier run, or from a first try. */
  let salt = "";
  const salted = (changes: Record<string, string> = {}) =>
    shop({ "front/salt": salt, "back/salt": salt, ...changes });
  const planOf = (events: readonly StoredEvent[]) => {
    const { services } = events.find(({ type }) => type === "deployment.plan") as unknown as {
      services: { name: string; action: string; url: string | null }[];
    };
    return Object.fromEntries(services.map(({ name, action }) => [name, action]));
  };
  const deploy = async (pr: number, options?: object) => {
    const { id } = await world.deploy(pr, options);
    const deployment = await world.ended(id);
    return { deployment, events: await world.events(id) };
  };

  test("a pull request becomes running containers, each thing that is the same is built once, and all of it is told in order", async () => {
    salt = `${Math.random()}\n`;
    const commit = world.push(1, salted());
    const { deployment, events } = await deploy(1);
    expect(deployment).toMatchObject({ state: "running", commit, error: null, attempt: 1 });
    expect(deployment.url).toMatch(new RegExp(`^http://pr-1-${world.project}\\.localhost(:\\d+)?$`));
    expect(planOf(events)).toEqual({ front: "build", back: "build", again: "same-as", store: "reuse" });
    expect(events.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(events.map((_, index) => index + 1));
    const states = events.filter(({ type }) => type === "deployment.state").map(({ state }) => state);
    expect(states).toEqual(["claimed", "preparing", "building", "starting"]);
    expect(events.at(-1)).toMatchObject({ type: "deployment.finished", outcome: "running", commit });
    const outcomes = events
      .filter(({ type }) => type === "build.finished")
      .map(({ service, outcome }) => [service, outcome]);
    expect(Object.fromEntries(outcomes)).toEqual({
      front: "built",
      back: "built",
      again: "reused",
      store: "reused",
    });
    const text = JSON.stringify(events.filter(({ type }) => type === "step.log"));
    expect(text).toContain("made-ahoy");
    const page = await docker(engine, [
      "exec",
      await containerOf("front", deployment.environment.id),
      "wget",
      "-qO-",
      "http://127.0.0.1:8080/",
    ]);
    expect(page).toBe("one\n");
    if (layersGoTo === undefined) return;
    await expect.poll(() => layersIn(layersGoTo)).toContain("pr-1.front");
    // Where images are kept packed, what is built is packed the fast way.
    const saved = join(mkdtempSync(join(tmpdir(), "galley-saved-")), "image.tar");
    await docker(engine, ["save", "-o", saved, await imageOf("front", deployment.environment.id)]);
    const bytes = readFileSync(saved, "latin1");
    rmSync(dirname(saved), { recursive: true });
    expect(bytes.includes("application/vnd.oci.image.layer.v1.tar+zstd")).toBe(true);
  });

  /** Tags below a name in the lab's registry. */
  const layersIn = async (name: string): Promise<string[]> => {
    const [host = "", folder = ""] = name.split("/");
    const ask = async (path: string) => (await fetch(`http://${host}/v2/${path}`)).json() as Promise<object>;
    const { repositories = [] } = (await ask(`_catalog?n=100&last=${folder}`)) as { repositories?: string[] };
    const own = repositories.filter((one) => one.startsWith(`${folder}/`));
    const lists = await Promise.all(own.map((one) => ask(`${one}/tags/list`)));
    return lists.flatMap((list) => (list as { tags?: string[] | null }).tags ?? []);
  };

  const containerOf = async (service: string, environment: string) =>
    (
      await docker(engine, [
        "ps",
        "-q",
        "--filter",
        `label=sh.galley.service=${service}`,
        "--filter",
        `label=sh.galley.environment=${environment}`,
      ])
    ).trim();

  if (newest)
    test("another pull request of the same files, or one whose change nobody builds, solves nothing", async () => {
      world.push(2, salted({ "README.md": "changed\n" }));
      const { deployment, events } = await deploy(2);
      expect(deployment.state).toBe("running");
      expect(planOf(events)).toEqual({ front: "reuse", back: "reuse", again: "reuse", store: "reuse" });
      expect(events.some(({ type }) => type === "step.updated")).toBe(false);
    });

  test("a change builds what it touches and nothing else", async () => {
    const two = `two ${Math.random()}\n`;
    world.push(1, salted({ "front/index.html": two }));
    const { deployment, events } = await deploy(1);
    expect(planOf(events)).toEqual({ front: "build", back: "reuse", again: "reuse", store: "reuse" });
    const front = await containerOf("front", deployment.environment.id);
    expect(await docker(engine, ["exec", front, "cat", "/www/index.html"])).toBe(two);
    const states = events
      .filter(({ type }) => type === "service.state")
      .map(({ service, state }) => `${service} ${state}`);
    expect(states).toContain("back unchanged");
  });

  test("what a trigger of a base image takes is noticed, though the Dockerfile does not name it", async () => {
    const base = labName("onbuild");
    const context = mkdtempSync(join(tmpdir(), "galley-onbuild-"));
    try {
      writeFileSync(join(context, "Dockerfile"), "FROM busybox\nONBUILD COPY . /all\n");
      await docker(engine, ["build", "-q", "-t", base, context]);
      const files = (word: string) => ({
        "galley.yml": manifest({ web: { build: {}, command: idle } }),
        Dockerfile: `FROM ${base}\nCOPY named /named\n`,
        named: "same\n",
        unnamed: `${word}\n`,
      });
      world.push(7, files("first"));
      expect(planOf((await deploy(7)).events)).toEqual({ web: "build" });
      expect(planOf((await deploy(7)).events)).toEqual({ web: "reuse" });
      world.push(7, files("second"));
      const { deployment, events } = await deploy(7);
      expect(planOf(events)).toEqual({ web: "build" });
      const web = await containerOf("web", deployment.environment.id);
      expect(await docker(engine, ["exec", web, "cat", "/all/unnamed"])).toBe("second\n");
    } finally {
      rmSync(context, { recursive: true, force: true });
      await purgeImage(engine, base);
    }
  });

  if (newest)
    test("a compose file runs as a preview, with a Dockerfile inside of it, a config, and values of the deployment", async () => {
      const compose = {
        services: {
          web: {
            build: {
              context: "site",
              dockerfile_inline: "FROM busybox\nSTOPSIGNAL SIGKILL\nCOPY page /www/page\n",
            },
            command: "httpd -f -p 8080 -h /www",
            ports: ["80:8080"],
            environment: { URL: "${GALLEY_PREVIEW_URL_web}", NUMBER: "${GALLEY_PR_NUMBER}", PRICE: "1 $$" },
            configs: [{ source: "note", target: "/www/note" }],
          },
        },
        configs: { note: { content: "of ${GALLEY_PROJECT}" } },
      };
      const page = `here ${Math.random()}`;
      world.push(8, { "compose.yaml": JSON.stringify(compose), "site/page": `${page}\n` });
      const { deployment, events } = await deploy(8);
      expect(deployment).toMatchObject({ state: "running", error: null });
      expect(planOf(events)).toEqual({ web: "build" });
      const notes = events.filter(({ type }) => type === "deployment.note").map(({ text }) => text);
      expect(notes).toContainEqual(
        expect.stringMatching(/^compose\.yaml:1:\d+: services\.web\.ports: the host's port 80/),
      );
      expect(notes).toContainEqual(expect.stringContaining("FROM busybox"));
      const web = await containerOf("web", deployment.environment.id);
      const said = ["exec", web, "sh", "-c", 'cat /www/page /www/note; echo " $URL $NUMBER $PRICE"'];
      expect(await docker(engine, said)).toBe(`${page}\nof ${world.project} ${deployment.url} 8 1 $\n`);
      expect(planOf((await deploy(8)).events)).toEqual({ web: "reuse" });
    });

  if (newest)
    test("without cache everything is built anew", async () => {
      const { deployment, events } = await deploy(1, { useCache: false });
      expect(deployment.state).toBe("running");
      expect(planOf(events)).toEqual({ front: "build", back: "build", again: "same-as", store: "reuse" });
      const steps = events.filter(({ name, state }) => String(name).includes("RUN") && state === "done");
      expect(steps.length).toBe(1);
    });

  test("a build that fails tells the line of the Dockerfile, and ends the builds beside it", async () => {
    world.push(3, {
      "galley.yml": manifest({
        web: { kind: "web", build: {}, command: idle },
        other: { build: { dockerfile: "other.Dockerfile" }, command: idle },
      }),
      Dockerfile: "FROM busybox\nRUN echo before && exit 3\n",
      "other.Dockerfile": "FROM busybox\nRUN sleep 600\n",
    });
    const { deployment, events } = await deploy(3);
    expect(deployment).toMatchObject({ state: "failed", error: { code: "step_failed" } });
    const finished = events.at(-1) as unknown as {
      error: { dockerfile: { excerpt: object[] }; exitCode: number };
    };
    expect(finished.error.exitCode).toBe(3);
    expect(finished.error.dockerfile.excerpt).toContainEqual({
      line: 2,
      text: "RUN echo before && exit 3",
      failed: true,
    });
    const outcomes = events
      .filter(({ type }) => type === "build.finished")
      .map(({ service, outcome }) => [service, outcome]);
    expect(Object.fromEntries(outcomes)).toEqual({ web: "failed", other: "cancelled" });
  });

  if (newest)
    test("a manifest that is wrong, a ref that is not there and a service that ends at once fail with what to do", async () => {
      world.push(4, { "galley.yml": "version: 1\nservices: {web: {}}\n" });
      expect((await deploy(4)).deployment).toMatchObject({
        state: "failed",
        error: { code: "manifest_invalid" },
      });
      expect((await deploy(99)).deployment).toMatchObject({
        state: "failed",
        error: { code: "git_ref_not_found" },
      });
      world.push(5, {
        "galley.yml": manifest({
          web: { image: "busybox:latest", command: ["sh", "-c", "echo broken; exit 7"] },
        }),
      });
      const { deployment } = await deploy(5);
      expect(deployment.error).toMatchObject({ code: "container_failed" });
      expect(deployment.error?.message).toContain("broken");
    });

  test("secrets reach the service and the build that ask for them, and nothing else", async () => {
    const secret = "s3cr3t-of-the-project";
    await world.call("PUT", `/projects/${world.project}/secrets/API_KEY`, { value: secret });
    await world.call("PUT", `/projects/${world.project}/env`, { env: { COLOUR: "blue" } });
    world.push(6, {
      "galley.yml": manifest({
        asks: { build: { secrets: ["API_KEY"] }, secrets: ["API_KEY"], command: idle },
        plain: { image: "busybox:latest", command: idle },
      }),
      salt: `${Math.random()}\n`,
      Dockerfile:
        "FROM busybox\nCOPY salt /salt\nRUN --mount=type=secret,id=API_KEY,required=true echo has $(cat /run/secrets/API_KEY) && wc -c < /run/secrets/API_KEY\n",
    });
    const { deployment, events } = await deploy(6);
    expect(deployment, JSON.stringify(deployment.error)).toMatchObject({ state: "running" });
    const told = JSON.stringify(events);
    // Not `toContain`: it would print everything.
    expect(told.includes(secret)).toBe(false);
    expect(told.includes("has ***")).toBe(true);
    expect(told.includes(`"text":"${secret.length}"`)).toBe(true);
    const environmentOf = async (service: string) =>
      await docker(engine, ["exec", await containerOf(service, deployment.environment.id), "env"]);
    expect(await environmentOf("asks")).toContain(`API_KEY=${secret}`);
    expect(await environmentOf("plain")).not.toContain(secret);
    expect(await environmentOf("plain")).toContain("COLOUR=blue");
    const history = await docker(engine, [
      "history",
      "--no-trunc",
      "--format",
      "{{.CreatedBy}}",
      await imageOf("asks", deployment.environment.id),
    ]);
    expect(history).not.toContain(secret);
    expect(agent.log.join("\n")).not.toContain(secret);

    world.push(6, {
      "galley.yml": manifest({ web: { image: "busybox:latest", command: idle, secrets: ["ABSENT"] } }),
    });
    const second = await deploy(6);
    expect(second.deployment.error).toMatchObject({ code: "manifest_invalid" });
    expect(second.deployment.error?.message).toContain("asks for the secret ABSENT");
  });

  const imageOf = async (service: string, environment: string) =>
    (
      await docker(engine, ["inspect", "--format", "{{.Image}}", await containerOf(service, environment)])
    ).trim();

  if (engine.name === "28c")
    test("code that no branch of the repository has gets no secrets, builds on the repository's images, and none of its own is taken for them", async () => {
      await world.call("PUT", `/projects/${world.project}/secrets/API_KEY`, {
        value: "s3cr3t-of-the-project",
      });
      const asks = { web: { image: "busybox:latest", command: idle, secrets: ["API_KEY"] } };
      const commit = world.push(20, { "galley.yml": manifest(asks) }, { fork: true });
      expect((await deploy(20)).deployment.error).toMatchObject({
        code: "forbidden",
        message: expect.stringContaining("API_KEY"),
        hint: expect.stringContaining(`--pr 20 --commit ${commit} --no-fork`),
      });
      expect((await deploy(20, { commit, fork: false })).deployment).toMatchObject({
        ...{ state: "running", asFork: false },
      });

      const changed = salted({ "front/index.html": `fork ${Math.random()}\n` });
      world.push(21, changed, { fork: true });
      const fork = await deploy(21);
      expect(fork.deployment).toMatchObject({ state: "running", fork: null, asFork: true });
      expect(planOf(fork.events)).toMatchObject({ front: "build", back: "reuse" });
      world.push(22, changed);
      expect(planOf((await deploy(22)).events)).toMatchObject({ front: "build", back: "reuse" });
      expect(planOf((await deploy(21)).events)).toMatchObject({ front: "reuse", back: "reuse" });
      // Whoever says so has the last word.
      const said = await deploy(22, { fork: true });
      expect(said.deployment).toMatchObject({ state: "running", fork: true, asFork: true });
      expect(planOf(said.events)).toMatchObject({ front: "reuse" });

      // Large files that no branch gives to a fork may be in what was built of them.
      const large = { ".gitattributes": "*.bin filter=lfs\n", "large.bin": pointerTo("of a branch") };
      world.push(23, { ...changed, ...large });
      expect(planOf((await deploy(23)).events)).toMatchObject({ front: "build" });
      expect(planOf((await deploy(23)).events)).toMatchObject({ front: "reuse" });
      expect(planOf((await deploy(23, { fork: true })).events)).toMatchObject({ front: "build" });
    });

  if (newest)
    test("terminating removes everything of an environment and nothing of the others", async () => {
      for (const pr of [8, 9]) world.push(pr, salted());
      await deploy(8);
      const { deployment } = await deploy(9);
      const other = await containerOf("front", deployment.environment.id);
      expect(other).not.toBe("");
      const environments = await world.call<{ environments: { id: string; name: string }[] }>(
        "GET",
        `/environments?project=${world.project}`,
      );
      const first = environments.environments.find(({ name }) => name === "pr-8")!;
      const { id } = await world.call<{ id: string }>("POST", `/environments/${first.id}/terminate`);
      expect(await world.ended(id)).toMatchObject({ state: "terminated" });
      expect(await containerOf("front", first.id)).toBe("");
      expect(await containerOf("front", deployment.environment.id)).toBe(other);
      const networks = await docker(engine, [
        "network",
        "ls",
        "--filter",
        `label=sh.galley.environment=${first.id}`,
        "-q",
      ]);
      expect(networks.trim()).toBe("");
      expect((await leftOf(engine, agent.id)).length).toBeGreaterThan(0);
    });

  if (newest)
    test("health and metrics answer on this machine", async () => {
      const health = await fetch(`http://127.0.0.1:${agent.healthPort}/healthz`);
      expect(await health.json()).toEqual({
        status: "ok",
        checks: { bus: "ok", docker: "ok", disk: "ok", spool: "ok" },
      });
      const metrics = await (await fetch(`http://127.0.0.1:${agent.healthPort}/metrics`)).text();
      expect(metrics).toMatch(/galley_agent_deployments_total\{outcome="running"\} [1-9]/);
      expect(metrics).toContain("nodejs_eventloop_lag_p99_seconds");
      expect((await fetch(`http://127.0.0.1:${agent.healthPort}/x`)).status).toBe(404);
    });
}, chosen);
