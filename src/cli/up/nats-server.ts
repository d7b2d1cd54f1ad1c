import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { GalleyError } from "../../errors/index.js";

/**
 * What runs the bus: what was asked for, else the nats-server of PATH, else a container, as who has an engine need have nothing else.
 *
 * @param asked a path, a name that PATH has, `docker` or `docker:IMAGE`
 * @throws usage when a program was asked for that is not there
 */
export function natsServerOf(asked: string | undefined, env: NodeJS.ProcessEnv): string {
  if (asked === undefined) return onPath("nats-server", env) ? "nats-server" : "docker";
  if (isThere(asked, env)) return asked;
  throw new GalleyError("usage", `There is no program ${JSON.stringify(asked)} that could be run.`, {
    hint: "--nats-server takes the path of a nats-server, or docker for a container. Without it, PATH is looked through first.",
  });
}

/** What ran the bus the last time, where it can still be run. */
export const natsServerAgain = (last: string | undefined, env: NodeJS.ProcessEnv): string =>
  natsServerOf(last !== undefined && isThere(last, env) ? last : undefined, env);

function isThere(asked: string, env: NodeJS.ProcessEnv): boolean {
  if (asked === "docker" || asked.startsWith("docker:")) return true;
  return asked.includes("/") ? runs(asked) : onPath(asked, env);
}

const onPath = (name: string, { PATH = "" }: NodeJS.ProcessEnv) =>
  PATH.split(delimiter).some((folder) => folder !== "" && runs(join(folder, name)));

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
