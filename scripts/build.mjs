// npm run build: protocol code from proto/, then TypeScript to dist/.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const args of [["scripts/codegen.mjs"], ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]]) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(1);
}
// tsc sees only the declarations of the generated module.
cpSync(join(root, "proto/gen"), join(root, "dist/proto/gen"), { recursive: true });
const bin = join(root, "dist/src/cli/main.js");
if (existsSync(bin)) chmodSync(bin, 0o755);
