// Secrets of the client in steps of a build, on every engine and over both ways to open a session.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSecrets } from "../../src/buildkit/index.js";
import { docker, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { build, dialKinds, nonce } from "./session-build.js";

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "secrets-engine-"));
});
afterAll(() => rm(directory, { recursive: true }));

onEachEngine((engine) => {
  describe.each(dialKinds)("over %s", (dial) => {
    test("a step reads secrets from a file, the environment and a value, byte for byte", async () => {
      const bytes = Buffer.from([0, 1, 254, 255, 10, 13]);
      const path = join(directory, `${engine.name}-${dial}`);
      await writeFile(path, bytes);
      const secrets = createSecrets(
        {
          file: { kind: "file", path },
          env: { kind: "env", name: "TOKEN" },
          value: { kind: "value", value: Buffer.from("größe") },
        },
        { TOKEN: "from the environment" },
      );
      const { error, log } = await build(
        engine,
        `FROM busybox
RUN --mount=type=secret,id=file --mount=type=secret,id=env,target=/e --mount=type=secret,id=value,mode=0444 \\
    echo ${nonce()} && od -An -tx1 /run/secrets/file && rev /e && ls -l /run/secrets/value && cat /run/secrets/value | wc -c
`,
        { dial, services: [secrets] },
      );
      expect(error).toBeUndefined();
      expect(log).toContain("00 01 fe ff 0a 0d");
      expect(log).toContain("tnemnorivne eht morf");
      expect(log).toContain("-r--r--r--");
      expect(log).toMatch(/^7$/m);
    });

    test("a secret that nobody gave is left out, and fails the build where it is required", async () => {
      const services = [createSecrets({ other: { kind: "value", value: Buffer.from("x") } })];
      const optional = await build(
        engine,
        `FROM busybox\nRUN --mount=type=secret,id=tok echo ${nonce()}; test ! -e /run/secrets/tok\n`,
        { dial, services },
      );
      expect(optional.error).toBeUndefined();
      const required = await build(
        engine,
        `FROM busybox\nRUN --mount=type=secret,id=tok,required=true echo ${nonce()}\n`,
        { dial, services },
      );
      expect(required.error).toMatchObject({ code: "secret_missing" });
    });
  });

  test("a secret that cannot be read fails the build although the step does not require it", async () => {
    const services = [createSecrets({ tok: { kind: "file", path: join(directory, "missing") } })];
    const { error } = await build(engine, `FROM busybox\nRUN --mount=type=secret,id=tok echo ${nonce()}\n`, {
      services,
    });
    expect(error?.message).toContain('Secret "tok" could not be read from');
    expect(error).toMatchObject({ code: "secret_missing" });
    expect(error?.hint).toContain("may read it");
  });

  test("a secret is in no layer, history, progress or error", async () => {
    const secret = `s3cret-${nonce()}`;
    const services = [createSecrets({ tok: { kind: "value", value: Buffer.from(secret) } })];
    const name = labName("secret");
    const step = `RUN --mount=type=secret,id=tok echo ${nonce()} && test "$(wc -c < /run/secrets/tok)" = ${secret.length}`;
    try {
      const built = await build(engine, `FROM busybox\n${step}\n`, {
        services,
        exports: [{ type: "moby", attrs: { name: `docker.io/library/${name}:latest` } }],
      });
      expect(built.error).toBeUndefined();
      expect(built.statuses).not.toContain(secret);
      expect(await docker(engine, ["history", "--no-trunc", name])).not.toContain(secret);
      expect(await docker(engine, ["image", "inspect", name])).not.toContain(secret);
      expect(
        await docker(engine, ["run", "--rm", name, "sh", "-c", "find /run; cat /run/secrets/* || true"]),
      ).not.toContain(secret);
    } finally {
      await purgeImage(engine, name);
    }
    const failed = await build(engine, `FROM busybox\n${step} && exit 7\n`, { services });
    expect(failed.error).toMatchObject({ code: "step_failed", failure: { exitCode: 7 } });
    expect(inspect(failed.error, { depth: 10 }) + failed.statuses).not.toContain(secret);
  });
});
