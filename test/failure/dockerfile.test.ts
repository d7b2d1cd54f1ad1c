// What is wrong with a Dockerfile, its options or its files, as each engine says it.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuildKitClient, createSecrets } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { connectTo, failureOf, failureOfDockerfile, guiltyLines } from "./failing-build.js";
import { limitMemory } from "./memory-limit.js";

onEachEngine((engine) => {
  let client: BuildKitClient;
  beforeAll(async () => {
    client = await connectTo(engine);
  });
  afterAll(() => client.close());

  describe.concurrent("the frontend", () => {
    test("a misspelt instruction has its line, its neighbours and the right word", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUM echo hi\nUSER a\n");
      expect(error).toMatchObject({ code: "dockerfile_syntax", hint: "Did you mean RUN?" });
      expect(error.message).toContain("line 2");
      expect(error.failure?.dockerfile?.excerpt).toEqual([
        { line: 1, text: "FROM busybox", failed: false },
        { line: 2, text: "RUM echo hi", failed: true },
        { line: 3, text: "USER a", failed: false },
      ]);
    });

    test("a base name that is blank says how to give it a value", async () => {
      const error = await failureOfDockerfile(client, "ARG BASE\nFROM $BASE\n");
      expect(error.code).toBe("dockerfile_syntax");
      expect(error.hint).toContain("ARG");
      expect(guiltyLines(error)).toEqual([2]);
    });

    test("an unknown flag proposes the nearest one", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nCOPY --chwon=1:1 a b\n");
      expect(error.code).toBe("dockerfile_syntax");
      expect(error.hint).toMatch(/^Did you mean (--)?ch(own|mod)\?$/);
      expect(guiltyLines(error)).toEqual([2]);
    });

    test("a Dockerfile that is not there is named", async () => {
      const error = await failureOf(client, {
        files: { "app.js": "" },
        frontendAttrs: { filename: "deploy/Dockerfile.web" },
      });
      expect(error.code).toBe("dockerfile_not_found");
      expect(error.message).toContain("deploy/Dockerfile.web");
    });

    test("an unknown target proposes the nearest stage", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox AS builder\nFROM busybox AS web\n", {
        frontendAttrs: { target: "biulder" },
      });
      expect(error).toMatchObject({ code: "target_unknown", hint: "Did you mean builder?" });
    });

    test("an unknown target with no stage near it lists the stages", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox AS builder\nFROM busybox AS web\n", {
        frontendAttrs: { target: "production" },
      });
      expect(error).toMatchObject({ code: "target_unknown", hint: "Its stages are: builder, web." });
    });

    test("a platform that no daemon knows is named", async () => {
      const error = await failureOfDockerfile(client, "FROM --platform=foobar busybox\n");
      expect(error.code).toBe("platform_unsupported");
      expect(error.message).toContain("foobar");
    });

    test("a frontend that cannot be reached is told from a base image", async () => {
      const error = await failureOfDockerfile(
        client,
        "# syntax=127.0.0.1:1/docker/dockerfile:1\nFROM busybox\n",
      );
      expect(error.code).toBe("frontend_unavailable");
      expect(error.message).toContain("connection refused");
      expect(guiltyLines(error)).toEqual([1]);
    });
  });

  describe.concurrent("files", () => {
    test("a missing source of COPY has its line", async () => {
      const error = await failureOf(client, {
        files: { Dockerfile: "FROM busybox\n\nCOPY packege.json /\n", "package.json": "{}" },
      });
      expect(error).toMatchObject({ code: "copy_source_missing", hint: "Did you mean package.json?" });
      expect(error.message).toContain("packege.json");
      expect(guiltyLines(error)).toEqual([3]);
    });

    test("a source that the ignore file leaves out says by which pattern", async () => {
      const error = await failureOf(client, {
        files: {
          Dockerfile: "FROM busybox\nCOPY dist /x\n",
          ".dockerignore": "node_modules\ndi*\n",
          "dist/a": "a",
        },
      });
      expect(error.code).toBe("copy_source_missing");
      expect(error.hint).toContain("`di*`");
    });

    test("a path that another stage lacks is looked for there", async () => {
      const dockerfile = "FROM busybox AS build\nFROM busybox\nCOPY --from=build /nope /x\n";
      const error = await failureOfDockerfile(client, dockerfile);
      expect(error.code).toBe("copy_source_missing");
      expect(error.message).toContain("no nope in build");
      expect(guiltyLines(error)).toEqual([3]);
    });

    test("an ADD whose server is not there is no registry's fault", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nADD http://127.0.0.1:1/a.tgz /x\n");
      expect(error.code).toBe("source_unavailable");
      expect(guiltyLines(error)).toEqual([2]);
    });
  });

  describe.concurrent("secrets and agents", () => {
    test("a required secret that was not given is named", async () => {
      const error = await failureOfDockerfile(
        client,
        "FROM busybox\nRUN --mount=type=secret,id=npmrc,required cat /run/secrets/npmrc\n",
        { services: [createSecrets({ other: { kind: "value", value: Buffer.from("x") } })] },
      );
      expect(error.code).toBe("secret_missing");
      expect(error.hint).toContain("--secret id=npmrc");
      expect(guiltyLines(error)).toEqual([2]);
    });

    test("so it is when the build gives no secrets at all", async () => {
      const dockerfile = "FROM busybox\nRUN --mount=type=secret,id=npmrc,required cat /run/secrets/npmrc\n";
      expect((await failureOfDockerfile(client, dockerfile)).code).toBe("secret_missing");
    });

    test("an ssh agent that was not forwarded is asked for", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUN --mount=type=ssh,required true\n");
      expect(error.code).toBe("ssh_agent_missing");
      expect(error.hint).toContain("--ssh default");
      expect(guiltyLines(error)).toEqual([2]);
    });
  });

  describe.concurrent("steps", () => {
    test("a RUN that fails has its command, exit code, all its lines and its last output", async () => {
      const run = "RUN echo one && \\\n    echo two >&2 && \\\n    exit 7\n";
      const error = await failureOfDockerfile(client, `FROM busybox\n\n${run}USER a\n`);
      expect(error.code).toBe("step_failed");
      expect(error.failure?.exitCode).toBe(7);
      expect(error.failure?.command).toMatch(/^echo one && +echo two >&2 && +exit 7$/);
      expect([...(error.failure?.logTail ?? [])].sort()).toEqual(["one", "two"]);
      expect(guiltyLines(error)).toEqual([3, 4, 5]);
      expect(error.failure?.dockerfile?.excerpt.at(-1)).toEqual({ line: 6, text: "USER a", failed: false });
    });

    test("the last lines of a long output are kept", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUN seq 1 20000; exit 3\n");
      expect(error.failure?.logTail?.at(-1)).toBe("20000");
      expect(error.failure?.logTail).toHaveLength(50);
    });

    test("a command that is not there is named, in shell form and in exec form", async () => {
      const shell = await failureOfDockerfile(client, "FROM busybox\nRUN frobnicate --all\n");
      expect(shell).toMatchObject({ code: "step_failed", failure: { exitCode: 127 } });
      expect(shell.message).toContain("the command frobnicate was not found");
      const exec = await failureOfDockerfile(client, 'FROM busybox\nRUN ["/frobnicate", "x"]\n');
      expect(exec.message).toContain("the command /frobnicate was not found");
    });

    test("a file that may not be executed is named", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUN /etc/passwd\n");
      expect(error).toMatchObject({ code: "step_failed", failure: { exitCode: 126 } });
      expect(error.message).toContain("/etc/passwd may not be executed");
    });

    test("a step that was killed is said to have run out of memory, most likely", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUN sh -c 'kill -9 $$'; exit $?\n");
      expect(error).toMatchObject({ code: "out_of_memory", failure: { exitCode: 137 } });
      expect(error.message).toContain("most likely");
    });

    // 20.10 knows no parent cgroup, and the one that its steps are in is shared by all engines of the machine.
    if (engine.version >= 26) {
      test("a step that the kernel kills for its memory is told so, with its line", async ({
        onTestFinished,
      }) => {
        const limit = await limitMemory(48 * 1024 * 1024);
        onTestFinished(limit.remove);
        // A string of 256 MB; exec, so that it is the step's own process that is killed.
        const hog = `exec awk 'BEGIN { s = "0123456789abcdef"; for (i = 0; i < 24; i++) s = s s }'`;
        const error = await failureOfDockerfile(client, `FROM busybox\nRUN true\nRUN ${hog}\n`, {
          frontendAttrs: { "cgroup-parent": limit.cgroup, "no-cache": "" },
        });
        expect(error).toMatchObject({ code: "out_of_memory", failure: { exitCode: 137 } });
        expect(error.message).toContain("memory ran out");
        expect(guiltyLines(error)).toEqual([3]);
      });
    }

    test("a program for another processor is told from one that is missing", async () => {
      const header =
        "printf '\\177ELF\\002\\001\\001\\000\\000\\000\\000\\000\\000\\000\\000\\000\\002\\000\\026\\000' > /x";
      const dockerfile = `FROM busybox\nRUN ${header} && head -c 200 /dev/zero >> /x && chmod +x /x\nRUN ["/x"]\n`;
      expect((await failureOfDockerfile(client, dockerfile)).code).toBe("platform_unsupported");
    });

    test("a step without space to write to is told from other exit codes", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nRUN echo x > /dev/full\n");
      expect(error.code).toBe("disk_full");
      expect(error.hint).toContain("tmpfs");
    });

    test("a password in a build argument's URL is in no part of the error", async () => {
      const error = await failureOfDockerfile(client, "FROM busybox\nARG URL\nRUN echo $URL; exit 9\n", {
        frontendAttrs: { "build-arg:URL": "https://bob:hunter2@127.0.0.1:1/x" },
      });
      expect(error.failure?.logTail).toEqual(["https://***@127.0.0.1:1/x"]);
      expect(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`).not.toContain("hunter2");
    });

    if (engine.version === 20) {
      test("a heredoc on an engine that has none is explained", async () => {
        const error = await failureOfDockerfile(client, "FROM busybox\nRUN <<EOT\nset -e\nfalse\nEOT\n");
        expect(error.code).toBe("dockerfile_syntax");
        expect(error.hint).toContain("does not know heredocs");
      });
    } else {
      test("a heredoc that fails has all of its lines", async () => {
        const error = await failureOfDockerfile(
          client,
          "FROM busybox\nRUN <<EOT\nset -e\nfalse\nEOT\nUSER a\n",
        );
        expect(error.code).toBe("step_failed");
        expect(guiltyLines(error)).toEqual([2, 3, 4, 5]);
      });
    }
  });
});
