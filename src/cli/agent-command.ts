import { type Command, Option } from "commander";

const json = () => new Option("--json", "one JSON document instead of the table");
const codes = "\nExit codes: 0 done, 1 refused or not there, 2 wrong usage.";

export function registerAgent(program: Command): void {
  const agent = program
    .command("agent")
    .summary("make, list and end agents, and run one")
    .description("An agent builds and runs previews on the machine of one Docker Engine.");

  agent
    .command("new")
    .summary("make an agent, and get the token with which it introduces itself")
    .argument("<name>", "lower case letters, digits, dot, - and _")
    .addOption(json())
    .addHelpText(
      "after",
      `
The line for the agent's .env goes to stdout, this once. The token is good for a week, and for this agent alone from its first use on.

Examples:
  galley agent new build-1 >> agent.env
${codes}`,
    )
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runAgentNew } = await import("./run-agent-admin.js");
      process.exitCode = await runAgentNew(name, flags, process);
    });

  agent
    .command("ls")
    .summary("list the agents")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (flags: { json?: boolean }) => {
      const { runAgentLs } = await import("./run-agent-admin.js");
      process.exitCode = await runAgentLs(flags, process);
    });

  agent
    .command("rotate")
    .summary("get a new token for an agent; the one before is refused")
    .argument("<name>")
    .addOption(json())
    .addHelpText("after", codes)
    .action(async (name: string, flags: { json?: boolean }) => {
      const { runAgentRotate } = await import("./run-agent-admin.js");
      process.exitCode = await runAgentRotate(name, flags, process);
    });

  agent
    .command("rm")
    .summary("revoke an agent: its connection is cut, its deployments fail")
    .argument("<name>")
    .option("-y, --yes", "do not ask")
    .addHelpText("after", codes)
    .action(async (name: string, flags: { yes?: boolean }) => {
      const { runAgentRm } = await import("./run-agent-admin.js");
      process.exitCode = await runAgentRm(name, flags, process);
    });

  agent
    .command("run")
    .summary("run the agent of this machine")
    .description(
      "Takes deployments until SIGTERM or Ctrl-C, then ends or hands back those that it has; a second signal ends it at once. All settings are environment variables; a bad one is named before anything starts. The log is JSON lines on stdout.",
    )
    .addHelpText(
      "after",
      "\nExit codes: 0 stopped as it was asked to, 1 it could not start or go on, 2 a setting is wrong.",
    )
    .action(async () => {
      const { runAgent } = await import("./run-agent.js");
      process.exitCode = await runAgent(process);
    });
}
