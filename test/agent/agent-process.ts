// The agent as a program of its own, for tests that kill it.
import { runAgentProcess } from "../../src/agent/index.js";

process.exit(await runAgentProcess(process));
