import { type Command, Option } from "commander";
import type { EnvFollowFlags, EnvLogsFlags } from "./run-env-follow.js";

const json = () => new Option("--json", "one JSON document instead of the table");
const codes = "\nExit codes: 0 done, 1 refused or not there, 2 wrong usage, 130 interrupted.";
const follow = (command: Command) =>
  command
    .option("--progress <kind>", "auto, tty, plain, rawjson, json (Galley's events) or quiet")
    .option("--cancel-on-interrupt", "Ctrl-C cancels the deployment and waits for its end");

export function registerEnv(program: Command): void {
  const env = program
    .command("env")
    .summary("look at environments, and end them")
    .description(
      "An environment is the preview of one pull request or ref, named PROJECT/pr-7 or PROJECT/ref-main. Where DEPLOYMENT is taken, it is the id that `galley deploy` prints.",
    );

  env
    .command("ls")
    .summary("list the environments")
    .option("--project <name>", "those of this project alone")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (flags: { project?: string; json?: boolean }) => {
      const { runEnvLs } = await import("./run-env.js");
      process.exitCode = await runEnvLs(flags, process);
    });

  env
    .command("show")
    .summary("show an environment and its last deployments, or one deployment")
    .argument("<env|deployment>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runEnvShow } = await import("./run-env.js");
      process.exitCode = await runEnvShow(name, flags, process);
    });

  env
    .command("logs")
    .summary(
      "print what the last deployment's builds have printed, or with --runtime what its services print",
    )
    .argument("<env|deployment>")
    .option("--runtime", "what the containers of an environment print, instead of its builds")
    .option("--service <name>", "of this service alone")
    .option("--since <time>", "with --runtime: only what is younger, such as 10m or 2026-11-22T17:00:00Z")
    .option("--tail <lines>", "with --runtime: lines from the end, of each container (default: 100)")
    .option("-f, --follow", "go on until the deployment has ended; with --runtime until Ctrl-C")
    .option("--json", "one JSON document per line: {service, stream, text, at}")
    .addHelpText("after", codes)
    .action(async (name: string, flags: EnvLogsFlags) => {
      const { runEnvLogs } = await import("./run-env-follow.js");
      process.exitCode = await runEnvLogs(name, flags, process);
    });

  env
    .command("stats")
    .summary("show what an environment's services use; again and again on a terminal")
    .argument("<env>")
    .option("--once", "measure once, also on a terminal")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { once?: boolean; json?: boolean }) => {
      const { runEnvStats } = await import("./run-env-runtime.js");
      process.exitCode = await runEnvStats(name, flags, process);
    });

  follow(
    env
      .command("follow")
      .summary("show a deployment as `galley deploy --follow` does, from its beginning")
      .argument("<env|deployment>"),
  )
    .option("--json", "the deployment as one JSON document at the end")
    .addHelpText("after", codes)
    .action(async (name: string, flags: EnvFollowFlags) => {
      const { runEnvFollow } = await import("./run-env-follow.js");
      process.exitCode = await runEnvFollow(name, flags, process);
    });

  env
    .command("cancel")
    .summary("cancel a deployment that is queued or under way; what serves goes on")
    .argument("<env|deployment>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runEnvCancel } = await import("./run-env.js");
      process.exitCode = await runEnvCancel(name, flags, process);
    });

  env
    .command("pin")
    .summary("keep an environment from expiring")
    .argument("<env>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runEnvLife } = await import("./run-env-life.js");
      process.exitCode = await runEnvLife("pin", name, flags, process);
    });

  env
    .command("unpin")
    .summary("let an environment expire again; its time begins anew")
    .argument("<env>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runEnvLife } = await import("./run-env-life.js");
      process.exitCode = await runEnvLife("unpin", name, flags, process);
    });

  env
    .command("extend")
    .summary("let an environment expire later: adds to the time that it has")
    .argument("<env>")
    .option("--for <duration>", "such as 12h or 3d (default: as long as a new one lives)")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { for?: string; json?: boolean }) => {
      const { runEnvLife } = await import("./run-env-life.js");
      process.exitCode = await runEnvLife("extend", name, flags, process);
    });

  env
    .command("hibernate")
    .summary("stop an environment's containers and keep everything; a request wakes it")
    .argument("<env>")
    .option("--wait", "until its containers have stopped")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { wait?: boolean; json?: boolean }) => {
      const { runEnvRest } = await import("./run-env-life.js");
      process.exitCode = await runEnvRest("hibernate", name, flags, process);
    });

  env
    .command("wake")
    .summary("start the containers of a hibernated environment again")
    .argument("<env>")
    .option("--wait", "until it can be asked")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { wait?: boolean; json?: boolean }) => {
      const { runEnvRest } = await import("./run-env-life.js");
      process.exitCode = await runEnvRest("wake", name, flags, process);
    });

  follow(
    env
      .command("terminate")
      .summary("take an environment down, with its containers and volumes")
      .argument("<env>")
      .option("-f, --follow", "wait for the end"),
  )
    .addOption(json())
    .addHelpText(
      "after",
      `
Examples:
  galley env ls --project shop
  galley env logs shop/pr-7 --service web --follow
  galley env logs shop/pr-7 --runtime --since 10m
  galley env extend shop/pr-7 --for 3d
  galley env terminate shop/pr-7 --follow
${codes}`,
    )
    .action(async (name: string, flags: EnvFollowFlags & { follow?: boolean }) => {
      const { runEnvTerminate } = await import("./run-env-follow.js");
      process.exitCode = await runEnvTerminate(name, flags, process);
    });
}
