import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { docker, labName, labRegistry, onEachEngine, purgeImage } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { commitFolder, type GitServer, serveGit } from "../support/git-server.js";

const idShape = /^sha256:[0-9a-f]{64}\n$/;
let root: string;
let server: GitServer;

/** A folder with these files. */
function folder(files: Record<string, string>): string {
  const made = mkdtempSync(join(root, "context-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(made, path, ".."), { recursive: true });
    writeFileSync(join(made, path), text);
  }
  return made;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "galley-cli-"));
  server = await serveGit(root);
});

afterAll(async () => {
  await server.close();
  rmSync(root, { recursive: true, force: true });
});

onEachEngine((engine) => {
  const images: string[] = [];
  const named = (name: string) => {
    const image = labName(name);
    images.push(image);
    return image;
  };
  afterAll(async () => {
    for (const image of images) await purgeImage(engine, image);
  });
  const run = (image: string, ...command: string[]) => docker(engine, ["run", "--rm", image, ...command]);

  test("a directory becomes an image: its id alone on stdout, in the files asked for, and runnable", async () => {
    const image = named("cli-directory");
    const context = folder({ Dockerfile: "FROM busybox\nCOPY hello /\n", hello: "ahoy\n" });
    const [iidfile, metadata] = [join(root, labName("iid")), join(root, labName("meta"))];
    const files = ["--iidfile", iidfile, "--metadata-file", metadata];
    const { code, stdout, stderr } = await galley(engine, ["build", "-t", image, ...files, context]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(idShape);
    expect(readFileSync(iidfile, "utf8")).toBe(stdout.trim());
    const facts = JSON.parse(readFileSync(metadata, "utf8"));
    expect(facts["containerimage.digest"]).toBe(stdout.trim());
    // 20.10 does not say the name.
    if (engine.version !== 20)
      expect(facts["image.name"]).toBe(
        `docker.io/library/${image.includes(":") ? image : `${image}:latest`}`,
      );
    expect(await run(image, "cat", "/hello")).toBe("ahoy\n");
    expect(await run(stdout.trim(), "cat", "/hello")).toBe("ahoy\n");
  });

  test("an image is pushed where the name says", async () => {
    const image = `${labRegistry().open}/${labName("cli-push")}:1`;
    images.push(image);
    const context = folder({ Dockerfile: `FROM busybox\nRUN echo ${labName("pushed")} > /pushed\n` });
    const { code, stderr } = await galley(engine, ["build", "-t", image, "--push", context]);
    expect(code, stderr).toBe(0);
    const [registry, rest] = [labRegistry().open, image.slice(labRegistry().open.length + 1)];
    const answer = await fetch(`http://${registry}/v2/${rest.replace(":1", "")}/manifests/1`, {
      headers: {
        accept:
          "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json",
      },
    });
    expect(answer.status).toBe(200);
  });

  test("what this engine cannot do is refused before the build, with what could", async () => {
    const context = folder({ Dockerfile: "FROM busybox\n" });
    const wanted = {
      plain: ["-o", "type=oci,dest=x.tar"],
      containerd: ["-o", "type=image,push-by-digest=true,name=a"],
    };
    const { code, stderr } = await galley(engine, ["build", ...wanted[engine.store], context]);
    expect(code).toBe(2);
    expect(stderr).toContain("What to do:");
    expect(stderr).not.toContain("load build definition");
    const other =
      engine.version === 20 ? ["--cgroup-parent", "/x"] : ["--cache-from", "type=s3,bucket=b,region=r"];
    const ignored = await galley(engine, ["build", ...other, context]);
    expect([ignored.code, ignored.stderr]).toEqual([2, expect.stringContaining("What to do:")]);
  });

  test("a result can go to a directory, to a file, and to a pipe", async () => {
    const context = folder({ Dockerfile: "FROM scratch\nCOPY hello /sub/\n", hello: "exported\n" });
    const [directory, file] = [join(root, labName("out")), join(root, labName("out.tar"))];
    for (const output of [directory, `type=tar,dest=${file}`]) {
      const { code, stdout, stderr } = await galley(engine, ["build", "-o", output, context]);
      expect(code, stderr).toBe(0);
      expect(stdout).toBe("");
    }
    expect(readFileSync(join(directory, "sub/hello"), "utf8")).toBe("exported\n");
    expect(execFileSync("tar", ["-xOf", file, "sub/hello"], { encoding: "utf8" })).toBe("exported\n");
    const piped = await galley(engine, ["build", "-o", "-", context]);
    expect(piped.code).toBe(0);
    expect(
      execFileSync("tar", ["-tf", "-"], { input: Buffer.from(piped.stdout, "latin1"), encoding: "utf8" }),
    ).toContain("sub/hello");
  });

  // The same BuildKit as the engine with the other store: what follows has nothing to do with stores.
  if (engine.name === "28" && !engine.found) return;

  test("git repositories are built by URL and straight from local objects", async () => {
    const files = folder({
      "services/web/Dockerfile": "FROM busybox\nCOPY hello /\n",
      "whole.Dockerfile": "FROM busybox\nCOPY services/web/hello /\n",
      "services/web/hello": `git ${labName("x")}\n`,
    });
    const name = `${labName("repo")}.git`;
    const commit = commitFolder(files, join(root, name));
    const [remote, local] = [named("cli-remote"), named("cli-local")];
    // 20.10's BuildKit has no directories of git URLs: the whole repository, or a clear refusal.
    const old = engine.version === 20;
    const url = `${server.url}/${name}#main`;
    const dockerfile = old ? ["-f", "whole.Dockerfile"] : [];
    const byUrl = await galley(engine, [
      "build",
      "-t",
      remote,
      ...dockerfile,
      old ? url : `${url}:services/web`,
    ]);
    expect(byUrl.code, byUrl.stderr).toBe(0);
    if (old) {
      const refused = await galley(engine, ["build", `${url}:services/web`]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/directory of a git URL/);
    }
    const byObjects = await galley(engine, [
      "build",
      "-t",
      local,
      `${join(root, name)}#${commit}:services/web`,
    ]);
    expect(byObjects.code, byObjects.stderr).toBe(0);
    const text = readFileSync(join(files, "services/web/hello"), "utf8");
    expect(await run(remote, "cat", "/hello")).toBe(text);
    expect(await run(local, "cat", "/hello")).toBe(text);
  });

  test("stdin may hold a Dockerfile or a tar of the context", async () => {
    const [alone, packed] = [named("cli-stdin"), named("cli-tar")];
    const text = await galley(engine, ["build", "-q", "-t", alone, "-"], {
      input: "FROM busybox\nRUN echo from-stdin > /hello\n",
    });
    expect(text.code, text.stderr).toBe(0);
    expect(await run(alone, "cat", "/hello")).toBe("from-stdin\n");
    const context = folder({ "docker/App.dockerfile": "FROM busybox\nCOPY hello /\n", hello: "packed\n" });
    const tar = execFileSync("tar", ["-czf", "-", "-C", context, "."]);
    const archive = await galley(engine, ["build", "-q", "-t", packed, "-f", "docker/App.dockerfile", "-"], {
      input: tar,
    });
    expect(archive.code, archive.stderr).toBe(0);
    expect(await run(packed, "cat", "/hello")).toBe("packed\n");
  });

  test("the proxies of docker's configuration reach the steps, no argument that was given, and no output", async () => {
    const config = mkdtempSync(join(root, "docker-"));
    const secret = `pw-${labName("x")}`;
    const proxies = {
      default: { httpProxy: "http://wrong.example:1" },
      [engine.dockerHost]: {
        httpProxy: `http://me:${secret}@proxy.example:3128`,
        httpsProxy: "http://s:1",
        noProxy: "a.b",
      },
    };
    writeFileSync(join(config, "config.json"), JSON.stringify({ proxies }));
    const lines = [
      "FROM busybox",
      'RUN test "$HTTP_PROXY" = "$http_proxy" && echo "$HTTP_PROXY" | sha256sum | cut -c1-12',
      `RUN echo "https=$HTTPS_PROXY no=$no_proxy" # ${labName("y")}`,
    ];
    const context = folder({ Dockerfile: lines.join("\n") });
    const given = ["--no-cache", "--build-arg", "https_proxy=http://given:2"];
    const options = { env: { DOCKER_CONFIG: config } };
    const { code, stderr } = await galley(engine, ["build", "--progress=plain", ...given, context], options);
    expect(code, stderr).toBe(0);
    const hash = createHash("sha256").update(`http://me:${secret}@proxy.example:3128\n`).digest("hex");
    expect(stderr).toContain(hash.slice(0, 12));
    expect(stderr).toContain("https=http://given:2 no=a.b");
    expect(stderr).not.toContain(secret);
    // A failure shows the command; the daemon's words about it may hold what it was run with.
    const failing = folder({ Dockerfile: "FROM busybox\nARG HTTP_PROXY\nRUN false $HTTP_PROXY\n" });
    const failed = await galley(engine, ["build", failing], options);
    expect(failed.code).toBe(1);
    expect(failed.stderr).not.toContain(secret);
  });

  test("options reach the steps they are meant for", async () => {
    const image = named("cli-options");
    const context = folder({
      "app.Dockerfile": [
        "FROM busybox AS base",
        "ARG WHO=nobody",
        "RUN echo $WHO > /who; grep -w db /etc/hosts > /hosts; ulimit -n > /files; df -m /dev/shm | tail -1 > /shm; ls /sys/class/net > /net",
        "FROM base AS wanted",
        "RUN cat /proc/sys/kernel/random/uuid > /random",
        "FROM base",
        "RUN false",
      ].join("\n"),
    });
    const args = ["build", "-q", "-t", image, "-f", join(context, "app.Dockerfile"), "--target", "wanted"];
    const options = [
      "--build-arg",
      "WHO",
      "--add-host",
      "db:10.9.8.7",
      "--network",
      "none",
      "--label",
      "a.b=c d",
    ];
    const limits = ["--ulimit", "nofile=321:400", "--shm-size", "77m"];
    const build = async (...more: string[]) => {
      const { code, stderr } = await galley(engine, [...args, ...options, ...limits, ...more, context], {
        env: { WHO: "ahab" },
      });
      expect(code, stderr).toBe(0);
      return (await run(image, "cat", "/who", "/hosts", "/files", "/shm", "/net", "/random")).split("\n");
    };
    const [who, hosts, files, shm, net, first] = await build();
    expect([who, hosts?.replace(/\s+/g, " "), net]).toEqual(["ahab", "10.9.8.7 db", "lo"]);
    // 20.10 knows neither of these two options of the frontend.
    if (engine.version !== 20) {
      expect(files).toBe("321");
      expect(shm).toMatch(/\b77\b/);
    }
    const [{ Config: config }] = JSON.parse(await docker(engine, ["image", "inspect", image]));
    expect(config.Labels).toMatchObject({ "a.b": "c d" });
    expect((await build())[5]).toBe(first);
    expect((await build("--no-cache-filter", "wanted"))[5]).not.toBe(first);
    const again = (await build())[5];
    expect((await build("--no-cache"))[5]).not.toBe(again);
  });

  test("events are numbered without gaps and end with the outcome", async () => {
    const dockerfile = `FROM busybox\nCOPY sent /\nRUN echo ${labName("loud")}\n`;
    const context = folder({ Dockerfile: dockerfile, ".dockerignore": "x", sent: "four", unwanted: "x" });
    const { code, stderr, stdout } = await galley(engine, ["build", "--progress", "json", context]);
    expect(code).toBe(0);
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events[0]).toMatchObject({ v: 1, type: "build.started", agent: null, project: null, attempt: 1 });
    expect(events.at(-1)).toMatchObject({ type: "build.finished", outcome: "built", image: stdout.trim() });
    expect(events.at(-1).sent).toEqual({ files: 1, bytes: "four".length });
    expect(
      events.some(
        ({ type, lines }) =>
          type === "step.log" && lines.some(({ text }: { text: string }) => text.includes("loud")),
      ),
    ).toBe(true);
  });

  test("a failed build says where and why, and ends with 1", async () => {
    const context = folder({
      Dockerfile: "FROM busybox\nRUN echo before\nRUN echo the reason >&2; exit 42\n",
    });
    const { code, stderr, stdout } = await galley(engine, ["build", "--progress", "plain", context]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/Dockerfile:3/);
    expect(stderr).toMatch(/42/);
    expect(stderr).toMatch(/the reason/);
    const quiet = await galley(engine, ["build", "-q", context]);
    expect(quiet.code).toBe(1);
    expect(quiet.stderr).toMatch(/Dockerfile:3/);
  });

  test("Ctrl-C ends the build with 130, kills the step and leaves no half of an output", async () => {
    const marker = labName("interrupt");
    const context = folder({ Dockerfile: `FROM busybox\nRUN echo ${marker}-running; sleep 600\n` });
    const target = join(root, `${marker}.tar`);
    const interrupt = new AbortController();
    const { code, stderr } = await galley(
      engine,
      ["build", "--progress", "plain", "-o", `type=tar,dest=${target}`, context],
      {
        signal: interrupt.signal,
        onStderr: (chunk) => {
          if (/^#\d+ [\d.]+ .*-running/m.test(chunk)) interrupt.abort();
        },
      },
    );
    expect(code, stderr).toBe(130);
    expect(execFileSync("ls", [root], { encoding: "utf8" })).not.toContain(`${marker}.tar`);
    const processes = execFileSync("sh", ["-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"], {
      encoding: "utf8",
    });
    expect(processes).not.toContain(`${marker}-running; sleep`);
  });
});
