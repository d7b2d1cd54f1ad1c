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
    .summary("print what the last deployment's builds have printed")
    .argument("<env|deployment>")
    .option("--service <name>", "of this service alone")
    .option("-f, --follow", "go on until the deployment has ended")
    .option("--json", "one JSON document per line: {service, stream, text, at}")
    .addHelpText("after", codes)
    .action(async (name: string, flags: EnvLogsFlags) => {
      const { runEnvLogs } = await import("./run-env-follow.js");
      process.exitCode = await runEnvLogs(name, flags, process);
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
  galley env extend shop/pr-7 --for 3d
  galley env terminate shop/pr-7 --follow
${codes}`,
    )
    .action(async (name: string, flags: EnvFollowFlags & { follow?: boolean }) => {
      const { runEnvTerminate } = await import("./run-env-follow.js");
      process.exitCode = await runEnvTerminate(name, flags, process);
    });
}
