// Makes a fresh clone ready and then runs the command that follows: installs what package-lock.json says if node_modules
// is missing or older, generates and compiles, and replaces itself by the command. Plain Node: it runs before anything
// is installed.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installedByNpm, installedLock, wantedLock, writeInstalledLock } from "./packages-stamp.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Galley needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(2);
}

function run(command, args, label) {
  if (label) console.error(label);
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) {
    console.error(`${command} ${args.join(" ")} failed (${done.error?.message ?? `exit ${done.status}`})`);
    process.exit(1);
  }
}

if (installedLock(root) !== wantedLock(root)) {
  if (!installedByNpm(root))
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], "Installing packages…");
  writeInstalledLock(root);
}
run(process.execPath, ["scripts/build.mjs"], undefined);

const [command, ...args] = process.argv.slice(2);
if (command) {
  const child = spawn(command === "node" ? process.execPath : command, args, { cwd: root, stdio: "inherit" });
  // The terminal sends Ctrl-C to the whole group; this process only waits for the child to clean up.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
  }
  child.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
}
