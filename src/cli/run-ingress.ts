import { startIngress } from "../ingress/index.js";
import { dockerConnection } from "./docker-connection.js";
import { exitCode } from "./exit-codes.js";
import { parsePort } from "./flags/values.js";
import { processLog } from "./process-log.js";
import { interruptible } from "./with-server.js";

export interface IngressFlags {
  port?: string;
  address: string;
  entrypoint: string;
  usePublished?: boolean;
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
      usePublished: flags.usePublished === true,
      log,
      signal,
    });
    log.info({ address: flags.address, port: ingress.port }, "the ingress listens");
    await ingress.closed;
    return exitCode.ok;
  });
}
