import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeOptions } from "../../src/cli/up/node-options.js";
import { openPage, startBrowser, type Watched } from "../dashboard/browser.js";
import { docker, type LabEngine, labEngines } from "../support/engines.js";
import { commitFolder, type GitServer, serveGit } from "../support/git-server.js";
import { freePorts } from "../support/nats.js";
import { documented } from "./documented.js";
import { type ComposeProject, composeProject, domain, eventually, host, npmRun } from "./project.js";

// The plain store: of its images the engine says what they take unpacked.
const engine = labEngines().find(({ name }) => name === "28") as LabEngine;
const project = `galley-test-${process.pid}`;
const second = `${project}-two`;
const images = { server: "galleysh/server:v1", agent: "galleysh/agent:v1" } as const;
const megabyte = 1_000_000;

const lines = (text: string) => text.split("\n").filter((line) => line !== "");
const inspected = async (format: string, ...names: string[]) =>
  lines(await docker(engine, ["inspect", "--format", format, ...names]));

describe("the images", () => {
  beforeAll(async () => {
    // What the documents tell to type: every stage of the Dockerfile, with npm's packages and Debian's from where this machine gets them.
    const build = () => npmRun("images", engine);
    await build().catch(build);
  });
  afterAll(async () => {
    await docker(engine, ["rmi", "-f", ...Object.values(images)]).catch(() => {});
  });
  const inside = (image: string, command: string) =>
    docker(engine, ["run", "--rm", "--network", "none", image, "sh", "-c", command]);

  test("are no larger than promised, and have neither npm nor a compiler", async () => {
    const [server, agent] = await inspected("{{.Size}}", images.server, images.agent);
    console.log(`server ${Number(server) / megabyte} MB, agent ${Number(agent) / megabyte} MB`);
    expect(Number(server)).toBeLessThanOrEqual(250 * megabyte);
    expect(Number(agent)).toBeLessThanOrEqual(280 * megabyte);
    for (const image of Object.values(images)) {
      const found = await inside(
        image,
        "for name in npm npx yarn gcc make python3; do command -v $name; done; true",
      );
      expect(found).toBe("");
      const modules = await inside(image, "ls /opt/galley/node_modules");
      expect(modules).not.toMatch(/vitest|typescript|esbuild|playwright|react/);
    }
  });

  test("have the command on the PATH, tini before it, git with LFS and ssh for the agent, and no root in the server", async () => {
    expect(await inside(images.server, "galley --version; id -un; stat -c %U /var/lib/galley")).toMatch(
      /^\d+\.\d+\.\d+\nnode\nnode\n$/,
    );
    expect(
      await inside(
        images.agent,
        "galley --version; git --version; git lfs version; ssh -V 2>&1; iptables --version",
      ),
    ).toMatch(/^\d+\.\d+\.\d+\ngit version .*\ngit-lfs.*\nOpenSSH.*\niptables v/);
    const commands = await inspected(
      "{{json .Config.Entrypoint}} {{json .Config.Cmd}}",
      images.server,
      images.agent,
    );
    const main = "/opt/galley/dist/cli/main.js";
    expect(
      commands.map((line) => line.replace('["/usr/bin/tini","--"] ', "")).map((cmd) => JSON.parse(cmd)),
    ).toEqual([
      ["galley", "server"],
      ["node", ...nodeOptions("agent"), main, "agent", "run"],
    ]);
  });

  describe("in the compose project", () => {
    let installation: ComposeProject;
    let git: GitServer | undefined;
    let browser: Browser | undefined;
    let watched: Watched | undefined;
    let repositories: string;
    let token = "";
    let rack = "rack-1";
    const agents: string[] = [];
    beforeAll(async () => {
      repositories = mkdtempSync(join(tmpdir(), "galley-compose-git-"));
      const [port = 0] = await freePorts(1);
      browser = await startBrowser("*.test");
      installation = await composeProject(engine, project, port);
    });
    afterAll(async () => {
      await browser?.close();
      for (const name of [second, project])
        await installation
          ?.compose(["down", "--volumes", "--timeout", "1"], { project: name })
          .catch(() => {});
      for (const agent of agents) {
        const left = lines(await docker(engine, ["ps", "-aq", "--filter", `label=sh.galley.agent=${agent}`]));
        if (left.length > 0) await docker(engine, ["rm", "-f", "-v", ...left]);
        const filter = ["--filter", `label=sh.galley.agent=${agent}`];
        for (const network of lines(await docker(engine, ["network", "ls", "-q", ...filter])))
          await docker(engine, ["network", "rm", network]).catch(() => {});
      }
      await git?.close();
      installation?.remove();
      rmSync(repositories, { recursive: true, force: true });
    });

    const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
      const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
      const answer = await installation.ask(host, `/api/v1${path}`, { method, body, headers });
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
      return JSON.parse(answer.body === "" ? "{}" : answer.body) as T;
    };
    interface Agent {
      readonly id: string;
      readonly name: string;
      readonly online: boolean;
    }
    const online = (name: string) =>
      eventually(`the agent ${name} is online`, async () =>
        (await call<{ agents: Agent[] }>("GET", "/agents")).agents.find(
          (agent) => agent.name === name && agent.online,
        ),
      );
    const published = async () =>
      lines(
        await docker(engine, [
          "ps",
          "--filter",
          `label=com.docker.compose.project=${project}`,
          "--format",
          '{{.Label "com.docker.compose.service"}} {{.Ports}}',
        ]),
      )
        .filter((line) => line.includes("->"))
        .map((line) => line.split(" ")[0]);

    test("`docker compose up -d` brings up a server that is ready, and publishes nothing but the proxy", async () => {
      await installation.compose(documented.up);
      await eventually("the server is ready", async () =>
        (await installation.ask(host, "/readyz")).status === 200 ? true : undefined,
      );
      expect(await published()).toEqual(["proxy"]);
      // The first page is the dashboard's, by the name that .env says.
      expect((await installation.ask(host, "/")).body).toContain("<title>");
      // What init says stays in the engine's log: no secret is in it.
      const said = await installation.compose(["logs", "--no-log-prefix", "init"]);
      expect(said).toContain("nats-server.conf");
      expect(said).not.toContain("MASTER_KEY");
      expect((await installation.ask(host, "/metrics")).status).toBe(401);
    });

    test("an agent without a token says so; made in the browser, it is online there when .env has the line that it shows", async () => {
      await eventually("the agent has said what it lacks", async () =>
        (await installation.compose(documented.logs)).includes("GALLEY_AGENT_TOKEN is not set")
          ? true
          : undefined,
      );
      const url = `http://${host}:${installation.port}`;
      watched ??= await openPage(browser as Browser, { url });
      const { page, context, faults } = watched;
      await page.goto("/");
      if (token === "") {
        await page.getByLabel("E-mail address").fill("ada@example.org");
        await page.getByLabel("Password").fill("correct horse battery");
        await page.getByRole("button", { name: "Create the administrator" }).click();
        await page.getByRole("button", { name: "Sign out" }).waitFor();
        const [session] = await context.cookies();
        const made = await installation.ask(host, "/api/v1/tokens", {
          method: "POST",
          body: { name: "tests", scopes: ["admin"] },
          headers: { cookie: `${session?.name}=${session?.value}`, "x-galley-csrf": "1" },
        });
        ({ token } = JSON.parse(made.body) as { token: string });
      }

      await page.getByRole("link", { name: "Agents", exact: true }).click();
      // The form of the first agent is open already; on a second try there is one.
      await page.getByRole("heading", { name: "Agents" }).waitFor();
      const more = page.getByRole("button", { name: "New agent" });
      if (await more.isVisible()) {
        await more.click();
        rack = `${rack}-again`;
      }
      await page.getByLabel("Name", { exact: true }).fill(rack);
      await page.getByRole("button", { name: "Make the agent" }).click();
      const panel = page.getByRole("region", { name: `Token of ${rack}` });
      const line = (await panel.getByText(/^GALLEY_AGENT_TOKEN=/).textContent()) ?? "";
      const [variable = "", value = ""] = line.split("=");
      installation.set(variable, value);
      // The command is the one that is run next, word for word.
      await panel.getByText(`docker compose ${documented.agent.join(" ")}`, { exact: true }).waitFor();
      await installation.compose(documented.agent);
      await panel.getByText("online", { exact: true }).waitFor();
      const row = page.locator(`[data-agent="${rack}"]`);
      await expect.poll(() => row.textContent()).toMatch(/online.*28\..*GB free/);
      expect(faults).toEqual([]);
      agents.push((await online(rack)).id);
      const containers = lines(await installation.compose(["ps", "-q", "galley-agent", "galley-server"]));
      await eventually("agent and server are healthy", async () =>
        (await inspected("{{.State.Health.Status}}", ...containers)).join() === "healthy,healthy"
          ? true
          : undefined,
      );
    });

    test("a pull request becomes a preview that is asked for its health and answers by its host name", async () => {
      const [gateway = ""] = await inspected("{{(index .IPAM.Config 0).Gateway}}", "galley-public");
      git = await serveGit(repositories, gateway);
      const folder = join(repositories, "files");
      mkdirSync(folder);
      writeFileSync(join(folder, "index.html"), "ahoy from a container\n");
      writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nCOPY index.html /www/\n");
      const web = {
        kind: "web",
        build: {},
        command: ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"],
        expose: 8080,
        health: { path: "/", timeout: 60 },
      };
      writeFileSync(join(folder, "galley.yml"), JSON.stringify({ version: 1, services: { web } }));
      commitFolder(folder, join(repositories, "shop.git"), "refs/pull/1/head");

      await call("POST", "/projects", { name: "shop", url: `${git.url}/shop.git` });
      const { id } = await call<{ id: string }>("POST", "/projects/shop/deployments", { pr: 1 });
      interface Deployment {
        readonly state: string;
        readonly final: boolean;
        readonly url: string;
        readonly error: unknown;
        readonly environment: { readonly id: string };
      }
      const deployed = await eventually("the deployment has ended", async () => {
        const found = await call<Deployment>("GET", `/deployments/${id}`);
        return found.final ? found : undefined;
      });
      expect(deployed, JSON.stringify(deployed.error)).toMatchObject({
        state: "running",
        url: `http://pr-1-shop.${domain}:${installation.port}`,
      });
      const { hostname } = new URL(deployed.url);
      await eventually("the preview answers", async () =>
        (await installation.ask(hostname, "/")).body === "ahoy from a container\n" ? true : undefined,
      );
      // In the browser, from the deployment's page to the preview.
      const { page, context, faults } = watched ?? expect.fail("no browser");
      await page.goto(`/deployments/${id}`);
      expect(await page.getByRole("link", { name: "Open" }).getAttribute("href")).toBe(deployed.url);
      const preview = await context.newPage();
      await preview.goto(deployed.url);
      await preview.getByText("ahoy from a container").waitFor();
      await preview.close();
      expect(faults).toEqual([]);
      // Neither does a preview publish anything.
      expect(await published()).toEqual(["proxy"]);
      const ofPreview = ["--filter", `label=sh.galley.environment=${deployed.environment.id}`];
      const containers = lines(await docker(engine, ["ps", "-q", ...ofPreview]));
      expect(await inspected("{{json .HostConfig.PortBindings}}", ...containers)).toEqual(["{}"]);
      // The agent is on no preview's network.
      const attached = await inspected(
        "{{range $id, $one := .Containers}}{{$one.Name}} {{end}}",
        `galley-pv-${deployed.environment.id}`,
      );
      expect(attached.join()).toContain("proxy");
      expect(attached.join()).not.toContain("galley-agent");
      // What the agent keeps of it, asked on its host.
      await eventually("the build is remembered", async () =>
        (await installation.compose(documented.caches)).includes("shop") ? true : undefined,
      );
    });

    test("another agent runs on the same host under another project's name, and neither is in the other's way", async () => {
      const { token: other } = await call<{ token: string }>("POST", "/agents", { name: "rack-2" });
      // The test's own name for what the documents call rack-2.
      const named = (args: readonly string[]) => args.slice(args.indexOf("rack-2") + 1);
      const options = { project: second, env: { GALLEY_AGENT_TOKEN: other } };
      await installation.compose(named(documented.another), options);
      agents.push((await online("rack-2")).id);
      const volumes = lines(
        await docker(engine, ["volume", "ls", "--format", "{{.Name}}", "--filter", `name=${project}`]),
      );
      expect(volumes).toEqual(
        expect.arrayContaining([`${project}_galley-agent-data`, `${second}_galley-agent-data`]),
      );
      await installation.compose(named(documented.removeAnother), options);
      await docker(engine, ["volume", "rm", `${second}_galley-agent-data`]);
      await online(rack);
      expect((await installation.ask(`pr-1-shop.${domain}`, "/")).body).toBe("ahoy from a container\n");
    });

    test("`docker compose down -v` leaves nothing, once the previews are terminated", async () => {
      const { environments } = await call<{ environments: { id: string }[] }>("GET", "/environments");
      for (const { id } of environments) await call("POST", `/environments/${id}/terminate`);
      const left = async () =>
        (
          await Promise.all(
            agents.flatMap((agent) =>
              [
                ["ps", "-aq"],
                ["network", "ls", "-q"],
                ["volume", "ls", "-q"],
              ].map(async (list) =>
                lines(await docker(engine, [...list, "--filter", `label=sh.galley.agent=${agent}`])),
              ),
            ),
          )
        ).flat();
      await eventually("the previews are gone", async () => ((await left()).length === 0 ? true : undefined));
      await installation.compose(documented.down);
      const ours = ["--filter", `label=com.docker.compose.project=${project}`];
      for (const list of [
        ["ps", "-aq"],
        ["network", "ls", "-q"],
        ["volume", "ls", "-q"],
      ])
        expect(await docker(engine, [...list, ...ours])).toBe("");
    });
  });
});
