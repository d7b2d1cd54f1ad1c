import type { Command } from "commander";
import type { DeployFlags } from "./run-deploy.js";

export function registerDeploy(program: Command): void {
  program
    .command("deploy")
    .summary("bring a pull request or a ref to its preview")
    .description(
      "Asks the server for a deployment; the latest request for an environment wins. With --follow, shows what `galley build` shows, from afar, and prints the URL at the end.",
    )
    .argument("<project>")
    .option("--pr <number>", "the head of this pull request")
    .option("--ref <ref>", "a branch, a tag or a commit")
    .option("--commit <id>", "exactly this commit of it, by its full id")
    .option("--no-cache", "build every service anew, without BuildKit's cache")
    .option("--fork", "the code comes from a fork: caches of its own, no secrets")
    .option("--no-fork", "it does not, or may have what the repository's own code has")
    .option("-f, --follow", "show what happens, until it runs or has failed")
    .option("--progress <kind>", "with --follow: auto, tty, plain, rawjson, json (Galley's events) or quiet")
    .option("--cancel-on-interrupt", "with --follow: Ctrl-C cancels the deployment and waits for its end")
    .option("--json", "the deployment as one JSON document; with --follow, as it is at the end")
    .addHelpText(
      "after",
      `
Examples:
  galley deploy shop --pr 7
  galley deploy shop --pr 7 --follow
  galley deploy shop --ref main --no-cache
  galley deploy shop --pr 8 --commit 4f0c… --no-fork     a fork's code that you have read: with the project's secrets
  url=$(galley deploy shop --pr 7 --follow --progress plain)

Without --fork and --no-fork, code is a fork's unless a branch or tag of the repository has its commit.
Ctrl-C ends the following and nothing else; a lost connection is made again, and goes on where it was.
Exit codes: 0 requested, or with --follow it runs; 1 it failed; 2 wrong usage; 130 interrupted.`,
    )
    .action(async (project: string, flags: DeployFlags) => {
      const { runDeploy } = await import("./run-deploy.js");
      process.exitCode = await runDeploy(project, flags, process);
    });
}
