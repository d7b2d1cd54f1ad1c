import { readFile } from "node:fs/promises";
import { safeName } from "../buildkit/index.js";
import { ago } from "./ago.js";
import { type Project, projectAnswer, projectsAnswer } from "./api/answers.js";
import { type Api, projectPath } from "./api/client.js";
import { confirm, readSecret } from "./ask.js";
import { exitCode } from "./exit-codes.js";
import { parsePairs } from "./flags/pairs.js";
import { print } from "./print.js";
import { sheet, table } from "./table.js";
import { usageError } from "./usage-error.js";
import { withServer } from "./with-server.js";

export interface ProjectAddFlags {
  tokenStdin?: boolean;
  username?: string;
  sshKey?: string;
  knownHosts?: string;
  env: string[];
  cpus?: string;
  memory?: string;
  json?: boolean;
}

/** Runs `galley project add` and returns the exit code. */
export function runProjectAdd(
  name: string,
  url: string,
  flags: ProjectAddFlags,
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api, signal }) => {
    const env = parsePairs(flags.env, "--env");
    const credential = await credentialOf(flags, process, signal);
    const resources = { cpus: parseCpus(flags.cpus), memory: flags.memory ?? null };
    const { body } = await api.send("POST", "/projects", { name, url, env, resources }, projectAnswer);
    const project = credential ? await giveCredential(api, body, credential) : body;
    print(process, flags, project, () => `Connected ${safeName(name)} to ${safeName(project.url)}.\n`);
    if (!flags.json)
      process.stderr.write(`Deploy a pull request with: galley deploy ${safeName(name)} --pr NUMBER\n`);
    return exitCode.ok;
  });
}

/** A project without the credential that was meant for it would fail later, for a reason that is known now. */
async function giveCredential(api: Api, project: Project, credential: object): Promise<Project> {
  try {
    await api.send("PUT", projectPath(project.name, "credential"), credential);
  } catch (error) {
    await api.send("DELETE", projectPath(project.name));
    throw error;
  }
  return api.get(projectPath(project.name), projectAnswer);
}

async function credentialOf(
  { tokenStdin, username, sshKey, knownHosts }: ProjectAddFlags,
  process: NodeJS.Process,
  signal: AbortSignal,
): Promise<object | undefined> {
  if (tokenStdin && sshKey !== undefined)
    throw usageError("--token-stdin and --ssh-key are two ways to read one repository.", "Give one of them.");
  if (username !== undefined && !tokenStdin) throw usageError("--username goes with --token-stdin.");
  if (knownHosts !== undefined && sshKey === undefined)
    throw usageError("--known-hosts goes with --ssh-key.");
  if (tokenStdin) {
    const token = await readSecret(process, signal, "The token");
    return { kind: "token", token, ...(username === undefined ? {} : { username }) };
  }
  if (sshKey === undefined) return undefined;
  return {
    kind: "ssh",
    privateKey: await readText(sshKey, "--ssh-key"),
    knownHosts: knownHosts === undefined ? null : await readText(knownHosts, "--known-hosts"),
  };
}

export async function readText(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw usageError(
      `${flag} ${path}: ${code === "ENOENT" ? "there is no such file" : `cannot be read (${code})`}`,
    );
  }
}

function parseCpus(value: string | undefined): number | null {
  if (value === undefined) return null;
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(value) || Number(value) === 0)
    throw usageError(`--cpus ${value}: not a number of processors`, "For example 2 or 0.5.");
  return Number(value);
}

/** Runs `galley project ls` and returns the exit code. */
export function runProjectLs(flags: { json?: boolean }, process: NodeJS.Process): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const answer = await api.get("/projects", projectsAnswer);
    const { projects } = answer;
    const now = Date.now();
    print(process, flags, projects, (color) =>
      projects.length === 0
        ? "No projects. Connect one with: galley project add NAME GIT_URL\n"
        : table(
            ["NAME", "REPOSITORY", "CREDENTIAL", "CREATED"],
            projects.map(({ name, url, credential, createdAt }) => [
              { text: name, tone: "strong" },
              url,
              credential?.kind ?? "-",
              ago(createdAt, now),
            ]),
            color,
          ),
    );
    return exitCode.ok;
  });
}

/** Runs `galley project show` and returns the exit code. */
export function runProjectShow(
  name: string,
  flags: { json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const project = await api.get(projectPath(name), projectAnswer);
    const now = Date.now();
    const { credential, resources } = project;
    print(process, flags, project, (color) =>
      sheet(
        [
          ["name", { text: project.name, tone: "strong" }],
          ["repository", project.url],
          ["credential", credential ? `${credential.kind}, set ${ago(credential.changedAt, now)}` : "none"],
          ["cpus", resources.cpus === null ? "the agent's default" : String(resources.cpus)],
          ["memory", resources.memory ?? "the agent's default"],
          ["lives for", project.life.ttl ?? "the server's default"],
          ["hibernates after", project.life.idle ?? "the server's default"],
          ...Object.entries(project.env).map(([key, value]) => ["env", `${key}=${value}`] as const),
          ...project.secrets.map(
            ({ key, changedAt }) => ["secret", `${key}, set ${ago(changedAt, now)}`] as const,
          ),
          ...project.registries.map(({ host, username }) => ["registry", `${host} as ${username}`] as const),
          ["created", ago(project.createdAt, now)],
        ],
        color,
      ),
    );
    return exitCode.ok;
  });
}

export interface ProjectLifeFlags {
  ttl?: string;
  idle?: string;
  json?: boolean;
}

/** Runs `galley project life` and returns the exit code. */
export function runProjectLife(
  name: string,
  flags: ProjectLifeFlags,
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api }) => {
    const given = (text: string | undefined) => (text === "default" ? null : text);
    const life = { ttl: given(flags.ttl), idle: given(flags.idle) };
    if (life.ttl === undefined && life.idle === undefined)
      throw usageError("nothing to change", "Give --ttl, --idle or both.");
    const { body } = await api.send("PATCH", projectPath(name), { life }, projectAnswer);
    const shown = (text: string | null) => text ?? "the server's default";
    print(
      process,
      flags,
      body,
      () => `Previews of ${safeName(name)}: life ${shown(body.life.ttl)}, idle ${shown(body.life.idle)}.\n`,
    );
    return exitCode.ok;
  });
}

/** Runs `galley project rm` and returns the exit code. */
export function runProjectRm(
  name: string,
  flags: { yes?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, {}, async ({ api, signal }) => {
    await api.get(projectPath(name), projectAnswer);
    await confirm(`Remove ${safeName(name)} with its secrets and its history?`, {
      process,
      signal,
      yes: flags.yes === true,
    });
    await api.send("DELETE", projectPath(name));
    process.stdout.write(`Removed ${safeName(name)}.\n`);
    return exitCode.ok;
  });
}
