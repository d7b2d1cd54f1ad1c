import { join, resolve } from "node:path";
import { initServer, writeBusConfig } from "../server/index.js";
import { exitCode } from "./exit-codes.js";
import { parsePort } from "./flags/values.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

export interface InitFlags {
  dir: string;
  busPort?: string;
  busHost: string;
  busStore?: string;
  busTlsCert?: string;
  busTlsKey?: string;
  busOnly?: boolean;
}

/** Absolute, as nats-server reads paths from where it was started. */
function tlsFiles({ busTlsCert, busTlsKey }: InitFlags) {
  if ((busTlsCert === undefined) !== (busTlsKey === undefined))
    throw usageError("--bus-tls-cert and --bus-tls-key are given together.");
  return busTlsCert && busTlsKey ? { certFile: resolve(busTlsCert), keyFile: resolve(busTlsKey) } : undefined;
}

/** Runs `galley server init` and returns the exit code. */
export function runServerInit(flags: InitFlags, process: NodeJS.Process): Promise<number> {
  return interruptible(process, {}, async () => {
    const { stdout, stderr } = process;
    const port = flags.busPort === undefined ? undefined : parsePort(flags.busPort, "--bus-port");
    const tls = tlsFiles(flags);
    const { env, newBusKeys } = await initServer(flags.dir);
    const busDir = env.GALLEY_BUS_DIR ?? join(flags.dir, "bus");
    stderr.write(
      newBusKeys
        ? `Made the keys of the bus in ${busDir}.\n`
        : `The keys of the bus in ${busDir} were there, and stay.\n`,
    );
    if (port !== undefined) {
      const directory = flags.busStore ?? join(busDir, "store");
      const file = await writeBusConfig(busDir, {
        host: flags.busHost,
        port,
        directory,
        ...(tls ? { tls } : {}),
      });
      stderr.write(`Wrote ${file} for nats-server.\n`);
    }
    if (flags.busOnly) return exitCode.ok;
    stderr.write("For the server's .env; keep a copy of the master key, without it all secrets are lost:\n");
    for (const [name, value] of Object.entries(env)) stdout.write(`${name}=${value}\n`);
    return exitCode.ok;
  });
}
