// A reader of the progress that takes nothing for as long as the build runs: the build goes on, and nothing is lost.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { BuildKitClient, createDirectoryTree, decodeRawJson } from "../../src/buildkit/index.js";
import { docker, engineEnv, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { createContext } from "./buildx.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** A step prints less in a second than the daemon lets pass of it; all of them print more than this side may keep. */
const steps = 15;
const seconds = 4;
const linesOfSecond = 1500;
const linesOfStep = seconds * linesOfSecond;
const line = "x".repeat(100);

function dockerfile(steps: number): string {
  const stages = Array.from({ length: steps }, (_, step) => {
    const print = `awk -v from=$((second * ${linesOfSecond})) 'BEGIN { for (i = 0; i < ${linesOfSecond}; i++) printf "s${step}-%d ${line}\\n", from + i }'`;
    return `FROM base AS s${step}\nRUN for second in $(seq 0 ${seconds - 1}); do ${print}; sleep 1; done; touch /done-${step}\n`;
  });
  const copies = Array.from({ length: steps }, (_, step) => `COPY --from=s${step} /done-${step} /\n`);
  return `FROM busybox AS base\n${stages.join("")}FROM scratch\n${copies.join("")}`;
}

onEachEngine(
  (engine) => {
    test("A pipe that nobody reads during the build gets every line afterwards.", async () => {
      const context = await createContext({ Dockerfile: dockerfile(steps) });
      onTestFinished(context.remove);
      const image = labName("slow-pipe");
      onTestFinished(() => purgeImage(engine, image));
      const child = spawn(
        process.execPath,
        [main, "build", "--no-cache", "--progress=rawjson", "-t", image, context.path],
        {
          env: { PATH: engine.path, HOME: process.env.HOME, DOCKER_HOST: engine.dockerHost },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      onTestFinished(() => void child.kill("SIGKILL"));
      const exit = once(child, "close");
      // The engine has built it although nobody has read a line: it was asked for files, and its health checks were answered.
      while ((await docker(engine, ["images", "-q", image])) === "") {
        expect(child.exitCode).toBeNull();
        await delay(500);
      }
      expect(child.exitCode).toBeNull();
      let stdout = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        stdout += chunk;
      });
      const printed: Buffer[] = [];
      for await (const text of createInterface({ input: child.stderr })) {
        for (const { data, stream } of decodeRawJson(text)?.logs ?? [])
          if (stream === 1) printed.push(Buffer.from(data));
      }
      expect((await exit)[0]).toBe(0);
      expect(stdout).toMatch(/^sha256:/);
      const bytes = Buffer.concat(printed);
      expect(bytes.toString().match(/x/g)?.length).toBe(steps * linesOfStep * line.length);
      expect(bytes.filter((byte) => byte === 10).length).toBe(steps * linesOfStep);
    });
  },
  // The newest engine: it is this side that is tried. 20.10 cannot be held back: what it does is shown below.
  ({ name, found }) => name === "28c" || (found === true && name !== "20"),
);

onEachEngine(
  (engine) => {
    test("An engine that cannot be held back is not, and the build ends although nobody reads.", async () => {
      const context = await createContext({ Dockerfile: dockerfile(6) });
      onTestFinished(context.remove);
      const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
      onTestFinished(() => client.close());
      const tree = createDirectoryTree(context.path);
      let messages = 0;
      const never = new Promise<void>(() => {});
      const solving = client.solve({
        trees: { context: tree, dockerfile: tree },
        frontendAttrs: { "no-cache": "" },
        onStatus: () => {
          messages++;
          return never;
        },
      });
      await solving;
      expect(messages).toBeGreaterThan(10);
    });
  },
  ({ version }) => version < 24,
);
