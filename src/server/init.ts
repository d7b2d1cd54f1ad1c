import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { createBusKeys, loadBusKeys } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";

export interface InitResult {
  /** Lines for the server's `.env`: the master key among them. Show them once and keep them nowhere else. */
  readonly env: Readonly<Record<string, string>>;
  /** False: the directory had bus keys already, and they were left as they are. */
  readonly newBusKeys: boolean;
}

/**
 * Prepares a server's data directory (`galley server init`): makes the keys of the bus in `<directory>/bus`, unless they are there,
 * and draws a master key. The master key is not written anywhere.
 */
export async function initServer(directory: string): Promise<InitResult> {
  const dataDir = resolve(directory);
  const busDir = join(dataDir, "bus");
  let newBusKeys = true;
  try {
    await createBusKeys(busDir);
  } catch (error) {
    if (!(error instanceof GalleyError && error.code === "config_invalid")) throw error;
    // Agents hold credentials that were signed with these: a second run must not replace them. Damaged ones are refused here.
    await loadBusKeys(busDir);
    newBusKeys = false;
  }
  return {
    env: {
      GALLEY_DATA_DIR: dataDir,
      GALLEY_BUS_DIR: busDir,
      GALLEY_MASTER_KEY: randomBytes(32).toString("hex"),
    },
    newBusKeys,
  };
}
