// Builds src/dashboard with Vite into dist/dashboard, which the server serves. Part of `npm run build`, which `npm test` and `npm run up`
// run each time: nothing is built while neither the sources nor the packages have changed.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const source = join(root, "src/dashboard");
const built = join(root, "dist/dashboard");
const stamp = join(built, ".sources");

export async function buildDashboard() {
  const sources = digest();
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return;
  const { build } = await import("vite");
  await build({ configFile: join(source, "vite.config.ts") });
  writeFileSync(stamp, sources);
}

function digest() {
  const hash = createHash("sha256");
  const files = readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of [...files, join(root, "package-lock.json"), fileURLToPath(import.meta.url)])
    hash.update(file.slice(root.length)).update("\0").update(readFileSync(file)).update("\0");
  return hash.digest("hex");
}
