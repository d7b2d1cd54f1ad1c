import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadBusKeys, type ServerConfigOptions, serverConfig } from "../bus/index.js";

/**
 * Writes the configuration of a nats-server into `busDir`, the directory of the bus's keys (`initServer`), readable by its owner
 * alone, and returns its path. Throws `config_invalid` when the keys are missing or damaged.
 */
export async function writeBusConfig(busDir: string, options: ServerConfigOptions): Promise<string> {
  const file = join(busDir, "nats-server.conf");
  writeFileSync(`${file}.new`, await serverConfig(await loadBusKeys(busDir), options), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return file;
}
