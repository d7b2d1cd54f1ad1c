import type { SecretSource, SshSource } from "../../build/index.js";
import { usageError } from "../usage-error.js";
import { csvPairs } from "./csv.js";

const SECRET_FORM = "id=NAME[,src=FILE | ,env=VARIABLE]";

/**
 * `--secret id=token,src=./token.txt`, `id=token,env=TOKEN`, or `id=TOKEN` alone: the variable of that name if it is set, else
 * the file of that name, as buildx reads it. Values themselves never appear in a flag.
 */
export function parseSecrets(
  values: readonly string[],
  env: NodeJS.ProcessEnv,
): Record<string, SecretSource> {
  const secrets: Record<string, SecretSource> = {};
  for (const value of values) {
    let id = "";
    let file = "";
    let variable = "";
    let type = "";
    for (const [key, text] of csvPairs(value, "--secret")) {
      if (key === "id") id = text;
      else if (key === "src" || key === "source") file = text;
      else if (key === "env") variable = text;
      else if (key === "type" && (text === "file" || text === "env")) type = text;
      else throw usageError(`--secret: unexpected field "${key}"`, `The form is ${SECRET_FORM}.`);
    }
    if (type === "env" && !variable) [variable, file] = [file, ""];
    if (!id && file) id = file;
    if (!id) throw usageError("--secret: id is missing", `The form is ${SECRET_FORM}.`);
    if (!file && !variable) {
      if (type !== "file" && env[id] !== undefined) variable = id;
      else file = id;
    }
    secrets[id] = variable ? { kind: "env", name: variable } : { kind: "file", path: file };
  }
  return secrets;
}

/** `--ssh default` (the running agent), `--ssh ID=/path/agent.sock` or `--ssh ID=/path/key[,/path/key2]`. */
export function parseSsh(
  values: readonly string[],
  env: NodeJS.ProcessEnv,
  isSocket: (path: string) => boolean,
): Record<string, SshSource> {
  const agents: Record<string, SshSource> = {};
  for (const value of values) {
    const equals = value.indexOf("=");
    const id = equals < 0 ? value : value.slice(0, equals);
    const paths =
      equals < 0
        ? []
        : value
            .slice(equals + 1)
            .split(",")
            .filter(Boolean);
    if (!id)
      throw usageError(`--ssh ${value}: the id is missing`, "The form is default|ID[=SOCKET|KEY[,KEY]].");
    if (paths.length === 0) {
      const socket = env.SSH_AUTH_SOCK;
      if (!socket) {
        throw usageError(
          `--ssh ${id}: no agent is running, SSH_AUTH_SOCK is not set`,
          `Start one (eval "$(ssh-agent)"; ssh-add), or name a key: --ssh ${id}=$HOME/.ssh/id_ed25519`,
        );
      }
      agents[id] = { socket };
    } else if (paths.length === 1 && paths[0] && isSocket(paths[0])) {
      agents[id] = { socket: paths[0] };
    } else {
      agents[id] = { keys: paths };
    }
  }
  return agents;
}
