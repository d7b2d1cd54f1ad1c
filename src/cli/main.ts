import { CommanderError } from "commander";
import { onClosedOutput } from "./closed-output.js";
import { exitCode } from "./exit-codes.js";
import { createProgram } from "./program.js";

async function main(): Promise<void> {
  // What has something to end does so by its own signal; the rest has nothing more to do.
  onClosedOutput(process, () => {
    // Whatever a command says of its own end by then.
    process.once("exit", () => {
      process.exitCode ||= exitCode.closedOutput;
    });
  });
  try {
    await createProgram().parseAsync(process.argv);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has printed the help or the mistake already.
    process.exitCode = error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  }
}

// Not awaited at the top: the command is bundled as CommonJS (scripts/build.mjs says why). A rejection ends the process as ever.
void main();
