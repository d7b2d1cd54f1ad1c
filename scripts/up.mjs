// npm run up: the main job on any machine. Finds a Docker Engine (or sets one up on Debian, from packages) and a nats-server, makes the
// bundled sample a git repository with two pull requests, and hands all of it to `galley up`.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { sampleRepository } from "./sample-repository.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const state = process.env.GALLEY_UP_DIR ?? join(root, ".galley");

/** Runs one of the lab's scripts and returns what it prints. */
function lab(script, args, required) {
  const done = spawnSync("bash", [join(root, "test/lab", script), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", required ? "inherit" : "ignore"],
    encoding: "utf8",
  });
  if (done.status === 0) return done.stdout;
  if (required) process.exit(done.status ?? 1);
  return undefined;
}

// The base images of examples/shop.
const engine = lab("for-up.sh", ["node:22-slim", "nginx:alpine", "postgres:16-alpine"], true);
const env = { ...process.env };
for (const line of engine.split("\n")) {
  const match = /^export ([A-Z_]+)=(.*)$/.exec(line.trim());
  if (match) env[match[1]] = match[2].replace(/^"(.*)"$/, "$1").replace("$PATH", process.env.PATH ?? "");
}
// Where Debian's package cannot be had either, the bus runs as a container.
const natsServer = lab("nats.sh", [], false)?.trim() || "docker";

const shop = sampleRepository(join(root, "examples/shop"), join(state, "repos/shop.git"), {
  1: { title: "Sell a parrot", files: join(root, "examples/pulls/1") },
  2: { title: "Open all night", files: join(root, "examples/pulls/2") },
});
const sample = ["--project", `shop=${shop}`, "--pr", "shop#1", "--pr", "shop#2"];
const child = spawn(
  process.execPath,
  [
    join(root, "dist/cli/main.js"),
    "up",
    ...["--data-dir", state, "--nats-server", natsServer, ...sample],
    ...process.argv.slice(2),
  ],
  { cwd: root, env, stdio: "inherit" },
);
// Ctrl-C reaches the child by the terminal; this process stays until the child has cleaned up.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
