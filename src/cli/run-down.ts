import { stopEnvironment } from "../preview/index.js";
import { dockerConnection } from "./docker-connection.js";
import { exitCode } from "./exit-codes.js";
import { interruptSignal } from "./interrupt.js";
import { localOwner } from "./local-owner.js";
import { reportError } from "./report-error.js";
import { parseRepository } from "./repository-argument.js";

/** Runs `galley down` and returns the exit code. */
export async function runDown(argument: string, process: NodeJS.Process): Promise<number> {
  const { env, stderr } = process;
  const interrupt = interruptSignal(process);
  try {
    const source = parseRepository(argument, process.cwd());
    const removed = await stopEnvironment(await dockerConnection(env), localOwner(source), interrupt.signal);
    stderr.write(removed > 0 ? `${source.project} is down\n` : `nothing of ${source.project} was running\n`);
    return exitCode.ok;
  } catch (error) {
    return reportError(error, { process, json: false, signal: interrupt.signal });
  } finally {
    interrupt.release();
  }
}
