import { type Command, Option } from "commander";
import { collect } from "./flags/collect.js";
import type { ProjectAddFlags, ProjectLifeFlags } from "./run-project.js";

const json = () => new Option("--json", "one JSON document instead of the table");
const yes = () => new Option("-y, --yes", "do not ask");
const codes = "\nExit codes: 0 done, 1 refused or not there, 2 wrong usage.";

export function registerProject(program: Command): void {
  const project = program
    .command("project")
    .summary("connect repositories, and set what their previews get")
    .description("A project is a connected repository. Every pull request of it can have a preview.");

  project
    .command("add")
    .summary("connect a repository")
    .argument("<name>", "1 to 40 of a-z, 0-9 and -, with a letter first")
    .argument("<git-url>", "https://, ssh:// or git@HOST:PATH")
    .option("--token-stdin", "read the repository's access token from stdin")
    .option("--username <name>", "user that goes with the token (default: what GitHub and GitLab take)")
    .option("--ssh-key <file>", "private deploy key, without a passphrase")
    .option("--known-hosts <file>", "host keys to accept (default: those of the well-known forges)")
    .option("--env <name=value>", "variable of every service; repeatable", collect, [])
    .option("--cpus <number>", "processors for services that name none, for example 1.5")
    .option("--memory <size>", "memory for services that name none, for example 512m")
    .addOption(json())
    .addHelpText(
      "after",
      `
Examples:
  galley project add shop https://github.com/acme/shop.git
  galley project add shop https://github.com/acme/shop.git --token-stdin < token
  galley project add shop git@git.example.org:acme/shop.git --ssh-key deploy_key --known-hosts hosts
${codes}`,
    )
    .action(async (name: string, url: string, flags: ProjectAddFlags) => {
      const { runProjectAdd } = await import("./run-project.js");
      process.exitCode = await runProjectAdd(name, url, flags, process);
    });

  project
    .command("ls")
    .summary("list the projects")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (flags: { json?: boolean }) => {
      const { runProjectLs } = await import("./run-project.js");
      process.exitCode = await runProjectLs(flags, process);
    });

  project
    .command("show")
    .summary("show a project; of secrets, that they are there")
    .argument("<name>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runProjectShow } = await import("./run-project.js");
      process.exitCode = await runProjectShow(name, flags, process);
    });

  project
    .command("life")
    .summary("set how long the project's previews live, and when they hibernate")
    .argument("<name>")
    .option("--ttl <duration>", "life after the last deployment: 12h, 7d, never, or default")
    .option("--idle <duration>", "time without requests until one hibernates: 30m, 2h, never, or default")
    .addOption(json())
    .addHelpText(
      "after",
      `
A changed life holds for later deployments. \`default\` is what the server is set to.

Example:
  galley project life shop --ttl 7d --idle 30m
${codes}`,
    )
    .action(async (name: string, flags: ProjectLifeFlags) => {
      const { runProjectLife } = await import("./run-project.js");
      process.exitCode = await runProjectLife(name, flags, process);
    });

  project
    .command("rm")
    .summary("remove a project with its secrets and its history")
    .argument("<name>")
    .addOption(yes())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { yes?: boolean }) => {
      const { runProjectRm } = await import("./run-project.js");
      process.exitCode = await runProjectRm(name, flags, process);
    });

  registerSecrets(project);
  registerVariables(project);
}

function registerSecrets(project: Command): void {
  const secret = project
    .command("secret")
    .summary("what services get and nobody reads again")
    .description("Secrets are encrypted where they are kept, and no answer shows them.");
  secret
    .command("set")
    .summary("set a secret, which is asked for or comes on stdin")
    .argument("<project>")
    .argument("<key>", "letters, digits and _, without a digit first")
    .option("--file <path>", "take a file's whole text")
    .addHelpText(
      "after",
      `
Examples:
  galley project secret set shop STRIPE_KEY
  printenv STRIPE_KEY | galley project secret set shop STRIPE_KEY
  galley project secret set shop TLS_KEY --file key.pem
${codes}`,
    )
    .action(async (name: string, key: string, flags: { file?: string }) => {
      const { runSecretSet } = await import("./run-project-values.js");
      process.exitCode = await runSecretSet(name, key, flags, process);
    });
  secret
    .command("rm")
    .summary("remove secrets")
    .argument("<project>")
    .argument("<key...>")
    .addHelpText("after", codes)
    .action(async (name: string, keys: string[]) => {
      const { runSecretRm } = await import("./run-project-values.js");
      process.exitCode = await runSecretRm(name, keys, process);
    });
  secret
    .command("ls")
    .summary("list the names of the secrets")
    .argument("<project>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runSecretLs } = await import("./run-project-values.js");
      process.exitCode = await runSecretLs(name, flags, process);
    });
}

function registerVariables(project: Command): void {
  const env = project
    .command("env")
    .summary("variables of every service, for everybody to read")
    .description("What is confidential belongs among the secrets.");
  env
    .command("set")
    .summary("set variables; others stay as they are")
    .argument("<project>")
    .argument("<name=value...>")
    .addHelpText(
      "after",
      `
Example:
  galley project env set shop LOG_LEVEL=debug FEATURES=all
${codes}`,
    )
    .action(async (name: string, pairs: string[]) => {
      const { runVariablesSet } = await import("./run-project-values.js");
      process.exitCode = await runVariablesSet(name, pairs, process);
    });
  env
    .command("rm")
    .summary("remove variables")
    .argument("<project>")
    .argument("<name...>")
    .addHelpText("after", codes)
    .action(async (name: string, keys: string[]) => {
      const { runVariablesRm } = await import("./run-project-values.js");
      process.exitCode = await runVariablesRm(name, keys, process);
    });
  env
    .command("ls")
    .summary("list the variables")
    .argument("<project>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runVariablesLs } = await import("./run-project-values.js");
      process.exitCode = await runVariablesLs(name, flags, process);
    });
}
