import { safeName } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { ago } from "./ago.js";
import { projectAnswer } from "./api/answers.js";
import { projectPath } from "./api/client.js";
import { askSecret } from "./ask.js";
import { exitCode } from "./exit-codes.js";
import { parsePairs } from "./flags/pairs.js";
import { print } from "./print.js";
import { readText } from "./run-project.js";
import { table } from "./table.js";
import { usageError } from "./usage-error.js";
import { withServer } from "./with-server.js";

const list = (names: readonly string[]) => names.map((name) => safeName(name)).join(", ");

/** Runs `galley project secret set` and returns the exit code. The value is never an argument: those are for everybody to see. */
export function runSecretSet(
  project: string,
  key: string,
  flags: { file?: string },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, {}, async ({ api, signal }) => {
    if (key.includes("="))
      throw usageError(
        "The value of a secret is not given as an argument: other users of the machine see those.",
        "Give the name alone. The value is asked for, or comes on stdin.",
      );
    const value =
      flags.file === undefined
        ? await askSecret(`Value of ${safeName(key)}: `, "The value", { process, signal, stdin: false })
        : await readText(flags.file, "--file");
    if (value === "") throw usageError("The value is empty. Nothing was changed.");
    await api.send("PUT", projectPath(project, "secrets", key), { value });
    process.stdout.write(`Set ${safeName(key)}. Deployments from now on get it.\n`);
    return exitCode.ok;
  });
}

/** Runs `galley project secret rm` and returns the exit code. */
export function runSecretRm(
  project: string,
  keys: readonly string[],
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, {}, async ({ api }) => {
    for (const key of keys) await api.send("DELETE", projectPath(project, "secrets", key));
    process.stdout.write(`Removed ${list(keys)}.\n`);
    return exitCode.ok;
  });
}

/** Runs `galley project secret ls` and returns the exit code. */
export function runSecretLs(
  project: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { secrets } = await api.get(projectPath(project), projectAnswer);
    const now = Date.now();
    print(process, flags, secrets, (color) =>
      secrets.length === 0
        ? "No secrets.\n"
        : table(
            ["NAME", "SET"],
            secrets.map(({ key, changedAt }) => [key, ago(changedAt, now)]),
            color,
          ),
    );
    return exitCode.ok;
  });
}

/** Runs `galley project env set` and returns the exit code. */
export function runVariablesSet(
  project: string,
  pairs: readonly string[],
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, {}, async ({ api }) => {
    const more = parsePairs(pairs);
    const { env } = await api.get(projectPath(project), projectAnswer);
    await api.send("PUT", projectPath(project, "env"), { env: { ...env, ...more } });
    process.stdout.write(`Set ${list(Object.keys(more))}. Deployments from now on get it.\n`);
    return exitCode.ok;
  });
}

/** Runs `galley project env rm` and returns the exit code. */
export function runVariablesRm(
  project: string,
  keys: readonly string[],
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, {}, async ({ api }) => {
    const { env } = await api.get(projectPath(project), projectAnswer);
    const unknown = keys.find((key) => !Object.hasOwn(env, key));
    if (unknown !== undefined)
      throw new GalleyError("not_found", `The project has no variable ${JSON.stringify(unknown)}.`);
    const left = Object.fromEntries(Object.entries(env).filter(([key]) => !keys.includes(key)));
    await api.send("PUT", projectPath(project, "env"), { env: left });
    process.stdout.write(`Removed ${list(keys)}.\n`);
    return exitCode.ok;
  });
}

/** Runs `galley project env ls` and returns the exit code. */
export function runVariablesLs(
  project: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const { env } = await api.get(projectPath(project), projectAnswer);
    print(process, flags, env, (color) =>
      Object.keys(env).length === 0
        ? "No variables.\n"
        : table(["NAME", "VALUE"], Object.entries(env), color),
    );
    return exitCode.ok;
  });
}
