import { resolve } from "node:path";
import { GalleyError } from "../../errors/index.js";
import { type Deployment, deploymentAnswer, projectAnswer } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { usageError } from "../usage-error.js";

export interface WantedProject {
  readonly name: string;
  readonly url: string;
}

export interface WantedPull {
  readonly project: string;
  readonly pr: number;
}

/** `--project NAME=URL`; a path is taken from `cwd`. */
export function parseProject(text: string, cwd: string): WantedProject {
  const at = text.indexOf("=");
  const [name, url] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || url === "") throw usageError(`--project ${text} is not of the form NAME=URL.`);
  const isPath = !/^[a-z+]+:\/\//.test(url) && !/^[\w.-]+@[\w.-]+:/.test(url);
  return { name, url: isPath ? resolve(cwd, url) : url };
}

/** `--pr PROJECT#N`. */
export function parsePull(text: string): WantedPull {
  const match = /^([a-z][a-z0-9-]*)#([1-9]\d{0,8})$/.exec(text);
  if (!match?.[1]) throw usageError(`--pr ${text} is not of the form PROJECT#NUMBER.`);
  return { project: match[1], pr: Number(match[2]) };
}

/** Adds the project, or leaves it as it is when it is there with the same address. */
export async function ensureProject(api: Api, { name, url }: WantedProject): Promise<void> {
  const known = await api.get(`/projects/${name}`, projectAnswer).catch((error: unknown) => {
    if (error instanceof GalleyError && error.code === "not_found") return undefined;
    throw error;
  });
  if (!known) await api.send("POST", "/projects", { name, url }, projectAnswer);
  else if (known.url !== url) await api.send("PATCH", `/projects/${name}`, { url }, projectAnswer);
}

export async function requestDeployment(api: Api, { project, pr }: WantedPull): Promise<Deployment> {
  const { body } = await api.send("POST", `/projects/${project}/deployments`, { pr }, deploymentAnswer);
  return body;
}
