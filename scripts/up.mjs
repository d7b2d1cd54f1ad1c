// npm run up: the main job on any machine. Finds a Docker Engine (or sets one up on Debian, from packages), makes the bundled
// sample a git repository of its own, and hands both to `galley up`.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sampleRepository } from "./sample-repository.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const engine = spawnSync(
  "bash",
  [join(root, "test/lab/for-up.sh"), "node:22-slim", "nginx:alpine", "postgres:16-alpine"],
  {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  },
);
if (engine.status !== 0) process.exit(engine.status ?? 1);
const env = { ...process.env };
for (const line of engine.stdout.split("\n")) {
  const match = /^export ([A-Z_]+)=(.*)$/.exec(line.trim());
  if (match) env[match[1]] = match[2].replace(/^"(.*)"$/, "$1").replace("$PATH", process.env.PATH ?? "");
}

const repository = sampleRepository(join(root, "examples/shop"), join(root, ".galley/repos/shop.git"));
const child = spawn(
  process.execPath,
  [join(root, "dist/cli/main.js"), "up", `${repository}#main`, ...process.argv.slice(2)],
  {
    cwd: root,
    env,
    stdio: "inherit",
  },
);
// Ctrl-C reaches the child by the terminal; this process stays until the child has cleaned up.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
