import { Command, CommanderError } from "commander";
import { registerBuild } from "./build-command.js";
import { registerDoctor } from "./doctor-command.js";
import { exitCode } from "./exit-codes.js";
import { registerUp } from "./up-command.js";

const version = "0.1.0";

const program = new Command("galley")
  .description("Builds repositories with BuildKit and runs a copy of the application for every pull request.")
  .version(version)
  .showHelpAfterError("(galley --help lists the commands)")
  .exitOverride();

registerBuild(program);
registerDoctor(program);
registerUp(program);

async function main(): Promise<void> {
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed the help or the mistake already.
    process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  }
}

// Not awaited at the top: the command is bundled as CommonJS (scripts/build.mjs says why). A rejection ends the process as ever.
void main();
