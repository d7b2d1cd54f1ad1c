import { runAgentProcess } from "../agent/index.js";

/** Runs `galley agent run` until it has drained and returns the exit code. */
export const runAgent = (process: NodeJS.Process): Promise<number> => runAgentProcess(process);
