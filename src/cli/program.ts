import { Command, Help, type Option } from "commander";
import { registerAgent } from "./agent-command.js";
import { registerBuild } from "./build-command.js";
import { registerCache } from "./cache-command.js";
import { registerCheck } from "./check-command.js";
import { registerDeploy } from "./deploy-command.js";
import { registerDoctor } from "./doctor-command.js";
import { registerEnv } from "./env-command.js";
import { registerIngress } from "./ingress-command.js";
import { registerLogin } from "./login-command.js";
import { registerProject } from "./project-command.js";
import { registerServer } from "./server-command.js";
import { registerUp } from "./up-command.js";

const version = "0.1.0";

/** All of the command line: what there is, and what each is for. What a command does is loaded when it is called. */
export function createProgram(): Command {
  const program = new Command("galley")
    .description(
      "Builds repositories with BuildKit and runs a copy of the application for every pull request.",
    )
    .version(version)
    .showHelpAfterError("(galley --help lists the commands)")
    .configureHelp({ optionDescription })
    .exitOverride();
  program.commandsGroup("On this machine:");
  registerBuild(program);
  registerCheck(program);
  registerDoctor(program);
  registerCache(program);
  registerUp(program);
  program.commandsGroup("With a server:");
  registerLogin(program);
  registerProject(program);
  registerDeploy(program);
  registerEnv(program);
  registerAgent(program);
  program.commandsGroup("Running Galley:");
  registerServer(program);
  registerIngress(program);
  return program;
}

// That a repeatable flag is empty when it is not given goes without saying.
function optionDescription(this: Help, option: Option): string {
  const { description, defaultValue } = option;
  return Array.isArray(defaultValue) ? description : Help.prototype.optionDescription.call(this, option);
}
