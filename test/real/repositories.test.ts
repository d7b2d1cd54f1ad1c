import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { ask } from "../support/served.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/repos/${name}`, import.meta.url));
const services = ["gateway", "catalog", "basket", "mailer", "site"];

onEachEngine((engine) => {
  const images: string[] = [];
  const named = (name: string) => {
    const image = labName(name);
    images.push(image);
    return image;
  };
  const folders: string[] = [];
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), "galley-real-"));
    folders.push(made);
    return made;
  };
  const build = async (args: readonly string[], options: Parameters<typeof galley>[2] = {}) => {
    const run = await galley(engine, ["build", "--progress", "plain", ...args], options);
    expect(run.code, run.stderr).toBe(0);
    return run;
  };
  /** A file of an image, read by running it. */
  const inside = (image: string, ...command: string[]) =>
    docker(engine, ["run", "--rm", "--entrypoint", command[0] ?? "true", image, ...command.slice(1)]);

  afterAll(async () => {
    for (const image of images) await purgeImage(engine, image);
    for (const made of folders) rmSync(made, { recursive: true, force: true });
  });

  test("a multi-stage Node application with npm ci and cache mounts serves what its build put in", async () => {
    const image = named("node-app");
    await build(["-t", image, "--build-arg", "VERSION=1.2.3", "--target", "runtime", fixture("node-app")]);
    const [answer] = await ask(engine, image, 3000, ["/"]);
    expect(JSON.parse(answer?.body ?? "")).toEqual({ app: "node-app", version: "1.2.3", day: 86400000 });
    // The development dependency of the build stage is not in the result.
    await expect(inside(image, "ls", "node_modules")).resolves.toBe("ms\n");
  });

  test("a Python application installs its own wheel and answers", async () => {
    const image = named("python-app");
    await build(["-t", image, fixture("python-app")]);
    expect(await ask(engine, image, 8000, ["/"])).toEqual([{ status: 200, body: "ahoy python-app" }]);
  });

  test("a static site serves its pages and none of what .dockerignore left out", async () => {
    const image = named("static-site");
    await build(["-t", image, fixture("static-site")]);
    const [index, missing, draft] = await ask(engine, image, 8080, ["/", "/nope", "/draft.html"]);
    expect(index).toEqual({ status: 200, body: "<h1>static site</h1>\n" });
    expect(missing).toEqual({ status: 404, body: "<h1>nothing here</h1>\n" });
    expect(draft?.status).toBe(404);
  });

  test("five services of a monorepo with shared packages are built side by side and answer", async () => {
    const built = services.map((service) => [service, named(`mono-${service}`)] as const);
    await Promise.all(
      built.map(([service, image]) =>
        build([
          "-t",
          image,
          "-f",
          join(fixture("monorepo"), "services", service, "Dockerfile"),
          fixture("monorepo"),
        ]),
      ),
    );
    const answers = await Promise.all(
      built.map(async ([, image]) => (await ask(engine, image, 3000, ["/"]))[0]?.body),
    );
    expect(answers).toEqual(services.map((service, index) => `${service} ${index + 1}0.50 EUR`));
  });

  describe("every instruction and every kind of mount", () => {
    let agent: Server;
    let socket: string;
    beforeAll(async () => {
      socket = join(folder(), "agent.sock");
      agent = createServer((connection) => connection.end());
      await new Promise<void>((listening) => agent.listen(socket, listening));
    });
    afterAll(() => agent.close());

    test("are built and found in the image as written", async () => {
      const image = named("everything");
      const home = folder();
      writeFileSync(join(home, "token"), "0123456789");
      const args = [
        "-t",
        image,
        "--ssh",
        `default=${socket}`,
        "--secret",
        `id=token,src=${join(home, "token")}`,
      ];
      await build(
        [...args, "--secret", "id=other,env=OTHER", "--build-arg", "GREETING=ahoy", fixture("everything")],
        {
          env: { OTHER: "from-the-environment" },
        },
      );
      const proofs = await inside(
        image,
        "sh",
        "-c",
        "cat /bind-proof /cache-proof /tmpfs-proof /secret-proof /secret-mode-proof /ssh-proof /loop-proof /onbuild; pwd; ls /work/inner /unpacked /added; readlink /added/link; cat /made",
      );
      expect(proofs.split("\n")).toEqual([
        "alpha",
        expect.stringMatching(/^x+$/),
        "yes",
        "10",
        "400 7",
        "yes",
        "ahoy one",
        "ahoy two",
        "from-the-parent",
        "/work/inner",
        "/added:",
        "deep",
        "link",
        "",
        "/unpacked:",
        "packed.txt",
        "",
        "/work/inner:",
        "a.txt",
        "b.md",
        "spaced.txt",
        "deep/file",
        "produced",
      ]);
      expect(await inside(image, "stat", "-c", "%a %u:%g", "/work/inner/spaced.txt")).toBe("640 1000:1000\n");
      const [{ Config: config }] = JSON.parse(await docker(engine, ["image", "inspect", image]));
      expect(config).toMatchObject({
        User: "1000:1000",
        StopSignal: "SIGUSR1",
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["cat /loop-proof"],
        WorkingDir: "/work/inner",
        Volumes: { "/data": {} },
        ExposedPorts: { "8080/tcp": {}, "9090/udp": {} },
        Labels: { "org.example.kind": "everything", "org.example.with space": "a b" },
        Healthcheck: { Test: ["CMD", "true"], Interval: 5e9, Timeout: 2e9, Retries: 2 },
      });
      expect(config.Env).toEqual(expect.arrayContaining(["GREETING=ahoy", "MODE=test"]));
      const history = await docker(engine, ["history", "--no-trunc", image]);
      expect(history).not.toMatch(/0123456789|from-the-environment/);
    });
  });

  // 20.10 has no heredocs: `galley doctor` says so, and there is nothing to build.
  if (engine.version !== 20) {
    test("heredocs and linked copies are built where the engine has them", async () => {
      const image = named("heredoc");
      await build(["-t", image, fixture("heredoc")]);
      expect(
        await inside(
          image,
          "sh",
          "-c",
          "cat /made/file /etc/app.ini /two/a.txt /two/b.txt /linked/file /shell-proof",
        ),
      ).toBe("line one\nline two\n[app]\nname = heredoc\nfirst\nsecond\nlinked\nfrom-shell\n");
    });
  }

  // The newest engine; test/context/resend.test.ts sends as many to each engine, and has them counted there.
  if (engine.found || engine.name === "28c")
    test("a repository with 20,000 files arrives whole", async () => {
      const root = folder();
      for (let directory = 0; directory < 200; directory++) {
        const path = join(root, "files", `d${directory}`);
        mkdirSync(path, { recursive: true });
        for (let file = 0; file < 100; file++)
          writeFileSync(join(path, `f${file}`), `${directory}/${file}\n`);
      }
      writeFileSync(
        join(root, "Dockerfile"),
        "FROM busybox:latest\nCOPY files /files\nRUN find /files -type f | wc -l > /count && find /files -type f | sort | xargs cat | md5sum > /sum\n",
      );
      const image = named("twenty-thousand");
      await build(["-t", image, root]);
      const sum = execFileSync("sh", ["-c", "find files -type f | LC_ALL=C sort | xargs cat | md5sum"], {
        cwd: root,
        encoding: "utf8",
      });
      expect((await inside(image, "cat", "/count", "/sum")).replace(/ /g, "")).toBe(
        `20000\n${sum.replace(/ /g, "")}`,
      );
    });

  test("hostile file names arrive as they are, and ignored ones stay away", async () => {
    const root = folder();
    const names = [
      "with space",
      " lead",
      "quote\"'",
      "back\\slash",
      "star*",
      "[bracket]",
      "ü-umlaut",
      "漢字",
      "new\nline",
      "-dash",
      "#hash",
      "!bang",
      "$(touch x)",
      "%41",
    ];
    mkdirSync(join(root, "names"));
    for (const name of names) writeFileSync(join(root, "names", name), name);
    // BuildKit of 28 takes no names that are not UTF-8; the client says so (its own tests show it).
    const bytes = Buffer.from([0x62, 0xff, 0xfe]);
    const anyBytes = engine.version < 28;
    if (anyBytes) writeFileSync(Buffer.concat([Buffer.from(join(root, "names/")), bytes]), "bytes");
    writeFileSync(join(root, "names", "geheim ä"), "secret");
    writeFileSync(join(root, "names", "plain.secret"), "secret");
    writeFileSync(join(root, ".dockerignore"), "names/geheim ä\n**/*.secret\n");
    writeFileSync(join(root, "Dockerfile"), "FROM busybox:latest\nCOPY names /names\n");
    const image = named("hostile-names");
    await build(["-t", image, root]);
    const list = await inside(
      image,
      "sh",
      "-c",
      "cd /names && for f in * ; do printf '%s' \"$f\" | md5sum; done | sort",
    );
    const expected = [...names.map((name) => Buffer.from(name)), ...(anyBytes ? [bytes] : [])].map((name) =>
      execFileSync("md5sum", { input: name, encoding: "utf8" }).trim(),
    );
    expect(
      list
        .trim()
        .split("\n")
        .map((line) => line.trim()),
    ).toEqual(expected.sort());
  });
});
