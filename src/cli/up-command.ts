import type { Command } from "commander";
import type { UpFlags } from "./flags/up-flags.js";

export function registerUp(program: Command): void {
  program
    .command("up")
    .summary("build the services of a repository and start them")
    .description(
      "Reads galley.yml at a commit, builds its services side by side from the repository's objects, starts them in order and prints the URL of the public one.",
    )
    .argument("[repository]", "a local repository, with #REF for a commit, branch or tag", ".")
    .option("-d, --detach", "leave everything running and return")
    .option("--port <number>", "port of the URL on this machine (default: a free one)")
    .option("--progress <kind>", "auto, tty, plain, rawjson, json or quiet")
    .addHelpText(
      "after",
      `
Examples:
  galley up                     the commit that is checked out here
  galley up ./shop.git#main
  galley up --detach; galley down

Exit codes: 0 it ran, 1 a build or a container failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (repository: string, flags: UpFlags) => {
      const { runUp } = await import("./run-up.js");
      process.exitCode = await runUp(repository, flags, process);
    });

  program
    .command("down")
    .summary("stop what `galley up` started")
    .description(
      "Removes the containers, the network and the volumes of a repository's environment; images and caches stay.",
    )
    .argument("[repository]", "the repository that was given to `galley up`", ".")
    .action(async (repository: string) => {
      const { runDown } = await import("./run-down.js");
      process.exitCode = await runDown(repository, process);
    });
}
