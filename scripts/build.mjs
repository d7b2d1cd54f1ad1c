// npm run build: protocol code from proto/, TypeScript to dist/, the dashboard to dist/dashboard/, and the command as a bundle in
// dist/cli/, with V8's code cache beside it: loading and compiling some five hundred module files costs several times what a short
// command's work does. `--no-check` leaves the types unchecked: whoever builds what was checked already saves most of the time.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildDashboard } from "./dashboard.mjs";
import { residents } from "./residents.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const unchecked = process.argv.includes("--no-check") ? ["--noCheck"] : [];
for (const args of [
  ["scripts/codegen.mjs"],
  ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json", ...unchecked],
]) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) process.exit(1);
}
// tsc sees only the declarations of the generated module.
cpSync(join(root, "proto/gen"), join(root, "dist/proto/gen"), { recursive: true });

await buildDashboard();

const cli = join(root, "dist/cli");
rmSync(cli, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ["dist/src/cli/main.js"],
  outfile: "dist/cli/galley.cjs",
  bundle: true,
  platform: "node",
  // CommonJS, because V8's code cache can be given to a script and not to a module.
  format: "cjs",
  target: "node20",
  // As `require`: a script that comes from the code cache has no `import()` (Node 20 loses the callback that resolves it).
  supported: { "dynamic-import": false },
  // Names are kept: they are what a stack trace is read by.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
  define: { "import.meta.url": "__bundleUrl" },
  // The function that scripts/launcher.cjs calls. Everything else in it is ASCII: esbuild escapes what is not.
  banner: {
    js: '(function(exports,require,module,__filename,__dirname){const __bundleUrl=require("node:url").pathToFileURL(__filename).href;',
  },
  footer: { js: "})" },
  external: [...residents.agent, ...residents.server],
  plugins: [withoutUnused()],
});
cpSync(join(root, "scripts/launcher.cjs"), join(cli, "main.js"));
writeFileSync(join(cli, "package.json"), '{ "type": "commonjs" }\n');
chmodSync(join(cli, "main.js"), 0o755);
// A build that finds no engine has loaded all that a build needs.
spawnSync(process.execPath, [join(cli, "main.js"), "build", "--quiet", root], {
  env: { ...process.env, DOCKER_HOST: "unix:///nonexistent/galley.sock", GALLEY_WRITE_CODE_CACHE: "1" },
  stdio: "ignore",
});
if (!existsSync(join(cli, "galley.cjs.cache"))) throw new Error("dist/cli/main.js does not start");

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
