import { startIngress } from "../ingress/index.js";
import { dockerConnection } from "./docker-connection.js";
import { exitCode } from "./exit-codes.js";
import { parsePort } from "./flags/values.js";
import { processLog } from "./process-log.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

export interface IngressFlags {
  port?: string;
  address: string;
  entrypoint: string;
  agent: string[];
  usePublished?: boolean;
  waking?: string;
  socket?: string;
}

/** Runs `galley ingress` until a signal and returns the exit code. */
export function runIngress(flags: IngressFlags, process: NodeJS.Process): Promise<number> {
  return interruptible(process, {}, async (signal) => {
    const { env } = process;
    const fromEnv = env.GALLEY_INGRESS_PORT ? parsePort(env.GALLEY_INGRESS_PORT, "GALLEY_INGRESS_PORT") : 80;
    const port = flags.port === undefined ? fromEnv : parsePort(flags.port);
    const log = processLog(env);
    const ingress = await startIngress({
      docker: await dockerConnection(env),
      port,
      address: flags.address,
      entrypoint: flags.entrypoint,
      agents: flags.agent.length > 0 ? flags.agent : undefined,
      usePublished: flags.usePublished === true,
      waking:
        flags.waking === undefined
          ? undefined
          : { upstream: serverOf(flags.waking), domain: (env.GALLEY_DOMAIN || "localhost").toLowerCase() },
      socket: flags.socket ?? (env.GALLEY_INGRESS_SOCKET || undefined),
      log,
      signal,
    });
    log.info({ address: flags.address, port: ingress.port }, "the ingress listens");
    await ingress.closed;
    return exitCode.ok;
  });
}

/** Of an http:// URL without a path: the ingress passes requests on as they are. */
function serverOf(text: string): { host: string; port: number } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "http:" || url.pathname !== "/" || url.username !== "")
    throw usageError(`--waking ${text}: not the address of a server`, "The form is http://HOST:PORT.");
  return { host: url.hostname, port: Number(url.port || 80) };
}
