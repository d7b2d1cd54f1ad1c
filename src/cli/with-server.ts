import { currentLogin } from "./account/logins.js";
import { type Api, createApi } from "./api/client.js";
import { interruptSignal } from "./interrupt.js";
import { reportError } from "./report-error.js";

export interface ServerCommand {
  readonly process: NodeJS.Process;
  readonly api: Api;
  /** Aborted by Ctrl-C; ends all requests of `api`. */
  readonly signal: AbortSignal;
  /** The same server with requests that another signal ends. */
  readonly apiUntil: (signal: AbortSignal) => Api;
}

/** Runs what talks to the server that one is signed in to, and returns its exit code, or that of its error. */
export async function withServer(
  process: NodeJS.Process,
  flags: { readonly json?: boolean },
  work: (command: ServerCommand) => Promise<number>,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const { url, token } = await currentLogin(process.env);
    const apiUntil = (until: AbortSignal) => createApi({ url, credential: { token }, signal: until });
    return work({ process, signal, api: apiUntil(signal), apiUntil });
  });
}

/** Runs something that Ctrl-C ends, and returns its exit code, or that of its error, which it reports. */
export async function interruptible(
  process: NodeJS.Process,
  flags: { readonly json?: boolean },
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const interrupt = interruptSignal(process);
  const { signal } = interrupt;
  try {
    return await work(signal);
  } catch (error) {
    return reportError(error, { process, json: flags.json === true, signal });
  } finally {
    interrupt.release();
  }
}
