import type { Command } from "commander";
import { collect } from "./flags/collect.js";
import type { UpFlags } from "./up/run-local.js";
import type { DownFlags } from "./up/run-local-down.js";

export function registerUp(program: Command): void {
  program
    .command("up")
    .summary("run a whole Galley on this machine")
    .description(
      "Starts the bus, the server with its embedded database, an agent and an ingress, and deploys what is asked for. Everything is kept in one directory; a second start finds it.",
    )
    .option("--project <name=url>", "a repository to connect, repeatable", collect, [])
    .option("--pr <project#number>", "a pull request to deploy, repeatable", collect, [])
    .option("--port <number>", "port of the previews' URLs (default: the last one, at first 8000)")
    .option("--data-dir <path>", "where everything is kept (default: ~/.local/share/galley)")
    .option(
      "--nats-server <path>",
      "the nats-server to run, or docker[:IMAGE] for a container (default: the one of PATH, else docker)",
    )
    .option("--progress <kind>", "auto, tty, plain or quiet")
    .addHelpText(
      "after",
      `
Examples:
  galley up --project shop=https://github.com/acme/shop.git --pr shop#7
  galley up                     what is there already, for example after a restart
  galley down                   takes all previews down

Exit codes: 0 ended by Ctrl-C, 1 something failed, 2 wrong usage, 130 interrupted while it started.`,
    )
    .action(async (flags: UpFlags) => {
      const { runLocal } = await import("./up/run-local.js");
      process.exitCode = await runLocal(flags, process);
    });

  program
    .command("down")
    .summary("take down the previews of `galley up`")
    .description(
      "Removes the containers, networks and volumes of every preview on this machine's Galley, which is started for that where it does not run, with the engine that `galley up` had. Projects, history, images and caches stay.",
    )
    .option("--data-dir <path>", "the directory that `galley up` had (default: ~/.local/share/galley)")
    .option(
      "--nats-server <path>",
      "the nats-server to run, or docker[:IMAGE] for a container (default: what `galley up` had)",
    )
    .addHelpText(
      "after",
      `
Examples:
  galley down
  galley down --data-dir .galley     the previews of \`npm run up\`, in its clone

Exit codes: 0 none is left, 1 something failed, 2 nothing was ever there, or wrong usage.`,
    )
    .action(async (flags: DownFlags) => {
      const { runLocalDown } = await import("./up/run-local-down.js");
      process.exitCode = await runLocalDown(flags, process);
    });
}
