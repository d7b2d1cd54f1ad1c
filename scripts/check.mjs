// npm run check: everything that can be said about the code without running it, side by side, in seconds.
import { spawn, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installedLock, wantedLock } from "./packages-stamp.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
// Without the packages that the code is written for, every other line would be a type error. Who installs by other means has no stamp.
if (![undefined, wantedLock(root)].includes(installedLock(root))) {
  console.error(
    "node_modules is not what package-lock.json says: run `node scripts/bootstrap.mjs`, and then the check again.",
  );
  process.exit(1);
}
const npx = (name) => join(root, "node_modules/.bin", name);
if (spawnSync(process.execPath, ["scripts/codegen.mjs"], { cwd: root, stdio: "inherit" }).status !== 0)
  process.exit(1);

const checks = [
  ["types", npx("tsc"), ["-p", "tsconfig.json", "--noEmit"]],
  ["types of the dashboard", npx("tsc"), ["-p", "src/dashboard/tsconfig.json", "--noEmit"]],
  ["biome", npx("biome"), ["ci", "--error-on-warnings", "--colors=off", "."]],
  ["buf lint", npx("buf"), ["lint"]],
  ["buf format", npx("buf"), ["format", "--diff", "--exit-code"]],
  [
    "arrows",
    npx("depcruise"),
    ["--config", ".dependency-cruiser.cjs", "--output-type", "err-long", "src", "cache", "proto"],
  ],
  ["dead code", npx("knip"), ["--no-progress"]],
];

const results = await Promise.all(
  checks.map(
    ([name, command, args]) =>
      new Promise((resolve) => {
        const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
        let output = "";
        child.stdout.on("data", (chunk) => (output += chunk));
        child.stderr.on("data", (chunk) => (output += chunk));
        child.on("error", (error) => resolve({ name, ok: false, output: error.message }));
        child.on("close", (code) => resolve({ name, ok: code === 0, output }));
      }),
  ),
);
for (const { name, ok, output } of results) {
  console.log(`${ok ? "ok  " : "FAIL"} ${name}`);
  if (!ok) console.log(output.trimEnd());
}
process.exit(results.every(({ ok }) => ok) ? 0 : 1);
