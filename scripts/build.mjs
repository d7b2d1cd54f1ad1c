// npm run build: protocol code from proto/, TypeScript to dist/, and the command as a bundle in dist/cli/: loading some five
// hundred module files one by one costs several times what a short command's work does.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
for (const args of [["scripts/codegen.mjs"], ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]]) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(1);
}
// tsc sees only the declarations of the generated module.
cpSync(join(root, "proto/gen"), join(root, "dist/proto/gen"), { recursive: true });

rmSync(join(root, "dist/cli"), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ["dist/src/cli/main.js"],
  outdir: "dist/cli",
  bundle: true,
  splitting: true,
  platform: "node",
  format: "esm",
  target: "node20",
  logLevel: "warning",
  // What is bundled of CommonJS expects these three.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url);const __dirname=import.meta.dirname;const __filename=import.meta.filename;',
  },
  plugins: [withoutUnused()],
});
chmodSync(join(root, "dist/cli/main.js"), 0o755);

/**
 * dockerode brings ssh (with native parts) and a BuildKit session of its own; we dial ssh by the ssh command and serve sessions
 * ourselves, and none of that is ever called.
 */
function withoutUnused() {
  return {
    name: "without-unused",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(ssh2|@grpc\/proto-loader)$/ }, ({ path }) => ({ path, namespace: "unused" }));
      onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};" }));
    },
  };
}
