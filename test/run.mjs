// npm test: the unit suite, then the suite against real engines; ends with one line, "N passed, N failed[, N skipped]".
// Arguments filter the test files, as vitest's do. Plain Node, so that its last line comes whatever happens to vitest.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const filters = process.argv.slice(2);
const reports = mkdtempSync(join(tmpdir(), "galley-test-"));
const total = { passed: 0, failed: 0, skipped: 0 };
/** Both suites together take less; what is not done by then hangs. */
const deadlineMinutes = 70;
const deadline = Date.now() + deadlineMinutes * 60_000;

/** Runs one of vitest.config.ts's projects and adds its counts. */
async function suite(project, options) {
  const report = join(reports, `${project}.json`);
  const vitest = [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "--project",
    project,
    "--passWithNoTests",
  ];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const child = spawn(process.execPath, [...vitest, ...reporters, ...options, ...filters], {
    cwd: root,
    stdio: "inherit",
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    console.error(`the ${project} suite was not done ${deadlineMinutes} minutes after the start: ended`);
    child.kill("SIGTERM");
    setTimeout(() => child.kill("SIGKILL"), 20_000).unref();
  }, deadline - Date.now());
  for (const signal of ["SIGTERM", "SIGHUP"]) process.once(signal, () => child.kill(signal));
  process.on("SIGINT", () => {}); // the terminal sends it to vitest, too, which then takes its set-up down
  const code = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (status, signal) => resolve(signal ?? status));
  });
  clearTimeout(timer);
  const counted = count(report);
  // What has no test to its name fails all the same: a set-up, an unhandled error, a run that was ended.
  if (counted.failed === 0 && (code !== 0 || late)) {
    console.error(`the ${project} suite ended with ${code} without a failed test`);
    counted.failed = 1;
  }
  for (const key of Object.keys(total)) total[key] += counted[key];
}

function count(report) {
  const counted = { passed: 0, failed: 0, skipped: 0 };
  let results;
  try {
    results = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return counted; // vitest ended before its report; its exit code says so
  }
  counted.passed = results.numPassedTests;
  counted.failed = results.numFailedTests;
  counted.skipped = results.numPendingTests + results.numTodoTests;
  for (const file of results.testResults) {
    // What was tried again has its first error here alone; vitest itself says no more than that it was.
    for (const { status, fullName, failureMessages } of file.assertionResults)
      if (status === "passed" && failureMessages.length > 0)
        console.log(`Passed when it was tried again: ${fullName}\n${failureMessages[0]}`);
    // a file that could not be loaded, or whose hooks failed
    const named = file.assertionResults.some((test) => test.status === "failed");
    if (file.status === "failed" && !named) counted.failed += 1;
  }
  return counted;
}

/** Runs a function of the lab's scripts. */
const lab = (name, stderr) =>
  spawnSync("bash", ["-c", `. "$0"; ${name}`, join(root, "test/lab/lib.sh")], {
    stdio: ["ignore", "pipe", stderr],
    encoding: "utf8",
  });

/** The sentence of the lab's own check; empty when the machine has what it takes. */
function unmet() {
  const check = lab("unmet", "pipe");
  return check.status === 0
    ? check.stdout.trim()
    : `the lab's scripts do not run here: ${check.error ?? check.stderr}`;
}

const labFiles = () =>
  readdirSync(join(root, "test"), { recursive: true }).filter(
    (file) =>
      file.endsWith(".test.ts") &&
      !file.startsWith("fixtures") &&
      (filters.length === 0 || filters.some((filter) => join("test", file).includes(filter))),
  );

const lacking = unmet();
if (!lacking) lab("host_tools", "inherit"); // what it cannot install, the suites will say
// One more than there are cores: much of what tests do is to wait, in the second suite for daemons.
const workers = `--maxWorkers=${availableParallelism() + 1}`;
await suite("unit", [workers]);
if (lacking) {
  const skipped = labFiles().length;
  total.skipped += skipped;
  if (skipped > 0) console.log(`Skipped the ${skipped} test files that need real engines: ${lacking}.`);
} else {
  await suite("lab", [workers]);
}
rmSync(reports, { recursive: true, force: true });

const inCi = ["true", "1"].includes(process.env.CI ?? "");
if (total.skipped > 0 && inCi) console.log("In CI, what is skipped has failed.");
if (total.passed + total.failed + total.skipped === 0) console.log("No test matches.");
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`,
);
process.exitCode = total.failed > 0 || (total.skipped > 0 && inCi) || total.passed === 0 ? 1 : 0;
