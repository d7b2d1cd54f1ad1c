import { createLog, parseConfig, startServer } from "../server/index.js";
import { exitCode } from "./exit-codes.js";
import { interruptible } from "./with-server.js";

/** Runs `galley server` until a signal and returns the exit code. */
export function runServer(process: NodeJS.Process): Promise<number> {
  return interruptible(process, {}, async (signal) => {
    const config = parseConfig(process.env);
    const server = await startServer(config, { log: createLog({ level: config.logLevel }), signal });
    await server.closed;
    return exitCode.ok;
  });
}
