// Every line that the documents tell to type is typed: here, in one world with a real server, agent, engine and repository, in a fresh clone, or by
// the test that run-elsewhere.ts names. Names and addresses of the documents are replaced by those of the world, and nothing else.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoKeyOf } from "../../src/bus/index.js";
import { startWorld, type World } from "../agent/world.js";
import { docker, labEngines, labName, purgeImage } from "../support/engines.js";
import { user } from "../support/first-user.js";
import { commitFolder, type GitServer, serveGit } from "../support/git-server.js";
import { freePorts, natsBinary } from "../support/nats.js";
import { inFreshClone } from "./fresh-clone-lines.js";
import { elsewhere } from "./run-elsewhere.js";
import { openShell, type Shell, type TypeOptions } from "./shell.js";
import { root as clone, read, typedLines } from "./typed-lines.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;

interface Typed extends TypeOptions {
  /** Replaced before all that is replaced in every line. */
  readonly as?: readonly (readonly [text: string, by: string])[];
  /** Looks at what was printed. */
  readonly prints?: (printed: string) => unknown;
}

describe("what the documents tell to type", () => {
  test("is typed by a test, here or elsewhere, and nothing is said to be that nobody is told to type", () => {
    const told = new Map(typedLines().map(({ line, page }) => [line, page]));
    const typed = new Set([
      ...Object.keys(elsewhere),
      ...Object.keys(inFreshClone),
      // Both sides of `&&` are typed.
      ...Object.keys(inFreshClone).flatMap((line) => line.split(" && ").filter((part) => told.has(part))),
      ...Object.values(here).flatMap((lines) => Object.keys(lines())),
    ]);
    expect(told.size).toBeGreaterThan(50);
    expect([...told].filter(([line]) => !typed.has(line))).toEqual([]);
    expect([...typed].filter((line) => !told.has(line))).toEqual([]);
    for (const [line, { file, words }] of Object.entries(elsewhere))
      for (const word of words) expect(read(file), `${line} in ${file}`).toContain(word);
    // Files that are picked out of all tests are there.
    for (const line of told.keys())
      for (const [, path = ""] of line.matchAll(/ (?:--|run) (.*)$/g))
        for (const one of path.split(" ").filter((word) => /^(src|test)\//.test(word)))
          expect(
            [one, `${one}.test.ts`].some((name) => existsSync(join(clone, name))),
            line,
          ).toBe(true);
  });

  let folder = "";
  let world: World;
  let git: GitServer;
  let agentName = "";
  let dataDirectory = "";
  let shell: Shell;
  let port = 0;
  let busPort = 0;
  const commits: Record<number, string> = {};
  const image = labName("typed");
  const made = new Set<string>();

  const web =
    'FROM busybox\nSTOPSIGNAL SIGKILL\nCOPY index.html /www/\nRUN echo typed\nCMD ["httpd", "-f", "-p", "8080", "-h", "/www"]\n';
  const files = (text: string): Record<string, string> => ({
    "galley.yml": JSON.stringify({
      version: 1,
      services: { web: { kind: "web", build: { path: "web" }, expose: 8080 } },
    }),
    Dockerfile:
      "FROM busybox AS runtime\nCOPY web/index.html /\nFROM runtime\nRUN --mount=type=secret,id=npm true\n",
    "web/Dockerfile": web,
    "web/index.html": `${text} ${Math.random()}\n`,
    "services/web/Dockerfile": web,
    "services/web/index.html": "below\n",
  });
  const write = (target: string, all: Record<string, string>) => {
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(target, path)), { recursive: true });
      writeFileSync(join(target, path), text);
    }
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "galley-typed-"));
    world = await startWorld(engine);
    const identity = await world.agent("build");
    agentName = identity.name;
    dataDirectory = identity.dataDirectory;
    await world.start(identity, { GALLEY_DRAIN_SECONDS: "5" });
    shell = openShell(folder, engine);
    const repositories = join(folder, "git");
    mkdirSync(repositories);
    git = await serveGit(repositories);
    for (const [number, ref] of [
      [0, "refs/heads/main"],
      [7, "refs/pull/7/head"],
      [8, "refs/pull/8/head"],
    ] as const) {
      const tree = mkdtempSync(join(folder, "tree-"));
      write(tree, files(ref));
      commits[number] = commitFolder(tree, join(repositories, "shop.git"), ref);
    }
    await world.call("POST", "/projects", { name: "shop", url: `${git.url}/shop.git` });
    write(shell.folder, {
      ...files("here"),
      password: `${user.password}\n`,
      token: "a-token-of-the-host\n",
      "key.pem": "a key\n",
      hosts:
        "git.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHYl6GzF0bUfcZyJw3X5lHhQx0gWvHkZgJt8wzC8dPcM\n",
    });
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(shell.folder, "deploy_key")]);
    execFileSync("git", [
      "clone",
      "--quiet",
      "--mirror",
      join(repositories, "shop.git"),
      join(shell.folder, "shop.git"),
    ]);
    symlinkSync(await natsBinary(), join(folder, "bin/nats-server"));
    [port = 0, busPort = 0] = await freePorts(2);
  });
  afterAll(async () => {
    for (const id of made) await purgeImage(engine, id);
    await world?.remove();
    await git?.close();
    for (const tag of ["", "/web", "/web:dev", "/node"])
      await docker(engine, ["rmi", "-f", `${image}${tag}`]).catch(() => {});
    const left = await docker(engine, ["images", "-q", "galley/shop"]).catch(() => "");
    for (const id of left.split("\n").filter(Boolean))
      await docker(engine, ["rmi", "-f", id]).catch(() => {});
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const replaced = (line: string): string =>
    line
      .replaceAll("https://github.com/acme/shop.git", `${git.url}/shop.git`)
      .replaceAll(/https:\/\/galley\.example\.org|http:\/\/localhost:8001/g, world.url)
      .replaceAll(/\bgalley\.example\.org|localhost:8080/g, world.url)
      .replaceAll("me@example.org", user.email)
      .replaceAll("galley_pat_…", world.token)
      .replaceAll("--agent build-1", `--agent ${agentName}`)
      .replaceAll("github.com-acme-shop-0123456789ab", repoKeyOf(`${git.url}/shop.git`))
      .replaceAll(/-t shop\b/g, `-t ${image}`)
      .replaceAll("4f0c…", commits[8] ?? "");
  /** What is behind a script of package.json: the clone is ready, and made ready anew it would lack for a while what other tests run. */
  const scripts = (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts;
  const withoutBootstrap = (line: string): string =>
    line.replace(/^npm run (\w+)(?: --)?/, (_, name: string) =>
      (scripts[name] ?? "").replace("node scripts/bootstrap.mjs ", ""),
    );
  const type = async (line: string, { as = [], prints, ...options }: Typed) => {
    const own = as.reduce((text, [from, to]) => text.replaceAll(from, to), line);
    const printed = await shell.type(withoutBootstrap(replaced(own)), options);
    for (const [id] of printed.matchAll(/sha256:[0-9a-f]{64}/g))
      if (line.includes("galley build")) made.add(id);
    await prints?.(printed);
  };

  const signIn = {
    answers: [
      ["E-mail: ", user.email],
      ["Password: ", user.password],
    ],
  } as const;
  const unique = () => Math.random().toString(36).slice(2, 8);
  /** Each time another project than the one that there is. */
  const another = () => [["add shop ", `add shop-${unique()} `]] as const;
  const ended = async (printed: string) => {
    expect(await world.ended(printed.trim())).toMatchObject({
      state: expect.stringMatching(/running|superseded/),
    });
  };
  const up = (printed: string) => expect(printed).toMatch(/^http:\/\/pr-7-shop\./m);
  const onHost = () => ({ env: { GALLEY_DATA_DIR: dataDirectory } });
  const settings = () =>
    Object.fromEntries(
      readFileSync(join(shell.folder, "server.env"), "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split("=") as [string, string]),
    );
  /** Typed while the bus that it needs is there. */
  const serve = async () =>
    await type(server, {
      as: [["GALLEY_MASTER_KEY=…", `GALLEY_MASTER_KEY=${settings().GALLEY_MASTER_KEY}`]],
      env: {
        ...settings(),
        GALLEY_NATS_URL: `nats://127.0.0.1:${busPort}`,
        GALLEY_HOST: "127.0.0.1",
        GALLEY_PORT: `${port}`,
      },
      until: { said: "the server listens" },
    });

  const server = "GALLEY_MASTER_KEY=… GALLEY_PUBLIC_URL=https://galley.example.org galley server";

  /** By what has to be there before: in this order. Keys are the lines of the documents. */
  const here: Record<string, () => Readonly<Record<string, Typed | "with the line before">>> = {
    "about signing in": () => ({
      "galley login http://localhost:8001": signIn,
      "galley login https://galley.example.org": signIn,
      "galley login localhost:8080": signIn,
      "galley login --scope deploy galley.example.org": signIn,
      "GALLEY_URL=https://galley.example.org GALLEY_TOKEN=galley_pat_… galley env ls": {},
      "galley login --email me@example.org --password-stdin galley.example.org < password": {
        prints: (printed) => expect(printed).toContain(`as ${user.email} (admin`),
      },
    }),
    "about projects": () => ({
      "galley project add shop https://github.com/acme/shop.git": { as: another() },
      "galley project add shop https://github.com/acme/shop.git --token-stdin < token": { as: another() },
      "galley project add shop git@git.example.org:acme/shop.git --ssh-key deploy_key --known-hosts hosts": {
        as: another(),
      },
      "galley project secret set shop STRIPE_KEY": { answers: [["Value of STRIPE_KEY: ", "sk_live_1"]] },
      "printenv STRIPE_KEY | galley project secret set shop STRIPE_KEY": { env: { STRIPE_KEY: "sk_live_2" } },
      "galley project secret set shop TLS_KEY --file key.pem": {},
    }),
    "about deployments and what is kept of them": () => ({
      "galley deploy shop --pr 7": { prints: ended },
      "galley env logs shop/pr-7 --follow": { prints: (printed) => expect(printed).toContain("web | typed") },
      "galley deploy shop --pr 7 --follow": { prints: up },
      "galley deploy shop --ref main --no-cache": { prints: ended },
      "galley deploy shop --pr 8 --commit 4f0c… --no-fork": { prints: ended },
      "url=$(galley deploy shop --pr 7 --follow --progress plain)": {},
      "galley env logs shop/pr-7 --service web --follow": {},
      "galley env logs shop/pr-7 --runtime --since 10m": {},
      "galley env ls --project shop": { prints: (printed) => expect(printed).toMatch(/shop\/pr-7 +running/) },
      "galley env extend shop/pr-7 --for 3d": {},
      "galley cache ls --agent build-1": { prints: (printed) => expect(printed).toContain("shop") },
      "galley cache show github.com-acme-shop-0123456789ab --agent build-1": {},
      "GALLEY_TOKEN=galley_pat_… galley cache du --server https://galley.example.org --json": {
        prints: (printed) => expect(JSON.parse(printed)).toHaveProperty("budget"),
      },
      "galley cache prune --older 7d": onHost(),
      "galley cache prune --older 7d --dry-run --agent build-1": {},
      "galley cache prune --kind record --kind image --agent build-1": {},
      "galley cache prune github.com-acme-shop-0123456789ab --keep 500m": onHost(),
      "galley env terminate shop/pr-7 --follow": {},
    }),
    "about agents and servers": () => ({
      "galley agent new rack-2": { as: [["rack-2", `rack-${unique()}`]] },
      "galley agent new build-1 >> agent.env": {
        as: [["build-1", `build-${unique()}`]],
        prints: () =>
          expect(readFileSync(join(shell.folder, "agent.env"), "utf8")).toMatch(
            /^GALLEY_AGENT_TOKEN=galley_agt_/,
          ),
      },
      "openssl rand -hex 32": { prints: (printed) => expect(printed).toMatch(/^[0-9a-f]{64}\n$/) },
      "galley server init --dir /var/lib/galley >> .env": {
        as: [["/var/lib/galley", join(folder, "default")]],
      },
      "galley server init --dir /var/lib/galley --bus-port 4222 >> .env": {
        as: [
          ["/var/lib/galley", join(folder, "server")],
          ["4222", `${busPort}`],
          [".env", "server.env"],
        ],
      },
      "nats-server --config /var/lib/galley/bus/nats-server.conf": {
        as: [["/var/lib/galley", join(folder, "server")]],
        until: { said: "Server is ready", meanwhile: serve },
      },
      [server]: "with the line before",
    }),
    "about builds": () => ({
      "galley build .": { prints: (printed) => expect(printed).toMatch(/^sha256:[0-9a-f]{64}\n$/) },
      "galley build -t shop/web .": {},
      "galley build -t shop/web:dev --target runtime .": {},
      "galley build https://github.com/acme/shop.git#main:web": {},
      "galley build https://github.com/acme/shop.git#main:services/web": {},
      "galley build ./shop.git#refs/pull/7/head:web": {},
      "tar c . | galley build -t shop -": { as: [["tar c .", "tar c --exclude=shop.git ."]] },
      "galley build --secret id=npm,env=NPM_TOKEN --ssh default .": {
        env: { NPM_TOKEN: "npm_secret" },
        as: [["galley build", "ssh-agent galley build"]],
      },
      "galley build -o type=local,dest=out .": {
        prints: () => expect(existsSync(join(shell.folder, "out/index.html"))).toBe(true),
      },
      "galley build --repo shop .": {},
      "galley build --progress json .": {},
      "galley check": { prints: (printed) => expect(printed).toContain("web") },
      "galley check ./shop.git#refs/pull/7/head": {},
      "galley check --json | jq '.services[].name'": {
        prints: (printed) => expect(printed.trim()).toBe('"web"'),
      },
      "galley check --schema > galley.schema.json": {
        prints: () =>
          expect(readFileSync(join(shell.folder, "galley.schema.json"), "utf8")).toContain("services"),
      },
      "galley doctor": {},
      "DOCKER_HOST=ssh://me@server galley doctor": {},
      "galley doctor --json | jq '.checks[] | select(.state != \"ok\")'": {},
      "npm run bench -- --help": { cwd: clone, prints: (printed) => expect(printed).toContain("--only") },
      "npm run screenshots": {
        cwd: clone,
        as: [["screenshots", "screenshots -- sign-in"]],
        prints: () => expect(existsSync(join(clone, "dist/screenshots/sign-in-narrow-dark.png"))).toBe(true),
      },
    }),
  };
  test("does what it says in Node", async () => {
    const [, program = ""] =
      /```ts\n([\s\S]*?)```/.exec(read("docs/build.md")) ?? expect.fail("there is none");
    const client = JSON.stringify(join(clone, "dist/src/buildkit/index.js"));
    const own = program
      .replace('"galley/buildkit"', client)
      .replace('"shop/web"', JSON.stringify(`${image}/node`));
    writeFileSync(join(shell.folder, "program.mjs"), own);
    expect(await shell.type(`"${process.execPath}" program.mjs`)).toMatch(/sha256:[0-9a-f]{64}\s*$/);
  });

  for (const [what, lines] of Object.entries(here))
    test(`does what it says ${what}`, { timeout: 400_000 }, async () => {
      for (const [line, options] of Object.entries(lines()))
        if (options !== "with the line before") await type(line, options);
    });
});
