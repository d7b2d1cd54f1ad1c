import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { labEngines } from "../support/engines.js";
import { galley, main } from "../support/galley.js";

const root = mkdtempSync(join(tmpdir(), "galley-usage-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const [engine] = labEngines().filter(({ name }) => name === "28c");
if (!engine) throw new Error("the lab has no engine 28c");

test.each([
  [["build", "--nonsense", "."], "unknown option '--nonsense'"],
  [["build", join(root, "nowhere")], "nowhere"],
  [["build", "--ulimit", "x", "."], "not a limit"],
  [["build", "-t", "Not A Name", "."], "is not the name of an image"],
  [["build", "-o", "type=zip,dest=a", "."], "zip"],
  [["build", "--progress", "loud", "."], "loud"],
  [["build", "--secret", "src=a,value=hunter2", "."], 'unexpected field "value"'],
  [["build", "--build-context", "x", "."], "not of the form"],
  [["build", "--repo", "../x", "."], "not a repository key"],
  [["up", "--pr", "shop"], "not of the form PROJECT#NUMBER"],
  [["up", "--project", "shop"], "not of the form NAME=URL"],
  [["nonsense"], "unknown command"],
])("galley %j is a usage error that says what is wrong", async (args, sentence) => {
  const { code, stderr, stdout } = await galley(engine, args, { cwd: root });
  expect(code, stderr).toBe(2);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/unexpected error|hunter2|\n\s+at /);
  expect(stdout).toBe("");
});

describe("help", () => {
  test.each(["build", "doctor", "up", "down"])(
    "galley %s --help shows its flags and examples",
    async (command) => {
      const { code, stdout } = await galley(engine, [command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: galley ${command}`);
    },
  );
});

test("an engine that is not there is one sentence with what to do", async () => {
  const env = { DOCKER_HOST: `unix://${join(root, "no.sock")}` };
  writeFileSync(join(root, "Dockerfile"), "FROM scratch\n");
  const { code, stderr } = await galley(engine, ["build", root], { env });
  expect(code).toBe(1);
  expect(stderr).toContain("no.sock");
  expect(stderr).toContain("What to do:");
  const doctor = await galley(engine, ["doctor", "--json"], { env });
  expect(doctor.code).toBe(1);
  expect(JSON.parse(doctor.stdout)).toMatchObject({
    ok: false,
    checks: [{ check: "engine", state: "problem" }],
  });
});

test("the doctor says for every engine what it can do, and finds that builds work", async () => {
  for (const each of labEngines()) {
    const { code, stdout } = await galley(each, ["doctor", "--json"]);
    const { ok, checks } = JSON.parse(stdout);
    expect({ code, ok }, stdout).toEqual({ code: 0, ok: true });
    const state = (name: string) => checks.find(({ check }: { check: string }) => check === name)?.state;
    expect(state("a small build")).toBe("ok");
    expect(state("oci and docker archives")).toBe(each.store === "containerd" ? "ok" : "limited");
    expect(state("heredocs and COPY --link")).toBe(each.version === 20 ? "limited" : "ok");
    expect(state("kept layers")).toBe(each.store === "containerd" ? "ok" : "limited");
    expect(state("cache import from a directory")).toBe(each.version === 20 ? "limited" : "ok");
    expect(state("cache mounts by repository")).toBe(each.version === 20 ? "limited" : "ok");
    const kept = { stored: "of every build of an agent here", read: "read, but not stored", none: "no" };
    const { stdout: used } = await galley(each, ["cache", "du", "--json", "--data-dir", root]);
    const layers = each.store === "containerd" ? "stored" : each.version === 20 ? "none" : "read";
    expect(JSON.parse(used).engine.layers).toBe(layers);
    expect(checks).toContainEqual(expect.objectContaining({ check: "kept layers", found: kept[layers] }));
    for (const { state, meaning } of checks) if (state === "limited") expect(meaning).not.toBe("");
  }
});

test("a Dockerfile is checked without building it", async () => {
  writeFileSync(join(root, "Lint.dockerfile"), "FROM scratch as Base\nMAINTAINER x\n");
  const { code, stdout, stderr } = await galley(engine, [
    "build",
    "--check",
    "-f",
    join(root, "Lint.dockerfile"),
    root,
  ]);
  expect(code, stderr).toBe(1);
  expect(stdout).toMatch(/MaintainerDeprecated/);
  writeFileSync(join(root, "Clean.dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
  const clean = await galley(engine, ["build", "--check", "-f", join(root, "Clean.dockerfile"), root]);
  expect(clean.code, clean.stderr).toBe(0);
  const targets = await galley(engine, [
    "build",
    "--call",
    "targets",
    "-f",
    join(root, "Lint.dockerfile"),
    root,
  ]);
  expect(targets.stdout).toMatch(/base/i);
});

test("a manifest is checked without an engine: its services, what is left out, every problem with its place, and the schema for editors", async () => {
  const folder = join(root, "checked");
  mkdirSync(folder, { recursive: true });
  const check = (...args: string[]) =>
    galley(engine, ["check", ...args], {
      cwd: root,
      env: { DOCKER_HOST: `unix://${join(root, "no.sock")}` },
    });
  const compose = (privileged: string) =>
    writeFileSync(
      join(folder, "compose.yaml"),
      `services:\n  web:\n    image: a\n    ports: ["8080:80"]\n    privileged: ${privileged}\n`,
    );
  compose("true");
  const good = await check(folder);
  expect(good.code, good.stderr).toBe(0);
  expect(good.stdout).toMatch(/^From compose\.yaml\n[\s\S]*\nweb +web +a +80\n/);
  expect(good.stdout).toContain("compose.yaml:5:5: services.web.privileged is left out");
  const { stdout } = await check(folder, "--json");
  expect(JSON.parse(stdout).services).toMatchObject([{ name: "web", expose: 80 }]);
  compose("perhaps");
  const wrong = await check(folder);
  expect(wrong.code, wrong.stdout).toBe(2);
  expect(wrong.stderr).toContain(
    'compose.yaml:5:17: services.web.privileged: found "perhaps"; accepted: true or false',
  );
  const schema = await check("--schema");
  expect(schema.code, schema.stderr).toBe(0);
  const published = new URL("../../docs/galley.schema.json", import.meta.url);
  expect(JSON.parse(schema.stdout)).toEqual(JSON.parse(readFileSync(published, "utf8")));
});

test("the compiled command starts without what its subcommands need", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;
  expect(execFileSync(process.execPath, [main, "--version"], { encoding: "utf8" })).toBe(`${version}
`);
});

test("a reader that goes away ends a command without a word, with the exit code of SIGPIPE", async () => {
  const child = spawn(process.execPath, [main, "ingress", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(said).toBe("");
  expect(code).toBe(141);
});
