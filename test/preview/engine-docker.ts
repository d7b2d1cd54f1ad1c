// What the tests of previews and of the ingress share: a connection to an engine of the lab, a pool that fits it, owners that nobody
// else has, and manifests of busybox.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { connectDocker, type Docker } from "../../src/docker/index.js";
import { type Manifest, parseManifest } from "../../src/manifest/index.js";
import { type Owner, type StartOptions, stopEnvironment } from "../../src/preview/index.js";
import { labDirectory } from "../lab/scripts.js";
import type { LabEngine } from "../support/engines.js";

export const dockerOf = (engine: LabEngine): Promise<Docker> =>
  connectDocker({ socketPath: engine.dockerHost.slice("unix://".length) });

export const soon = (ms = 120_000) => AbortSignal.timeout(ms);

/** The lab's engines leave the firewall alone, and its rules for them end with their own range. */
export function poolOf(engine: LabEngine): string | undefined {
  const octet = join(labDirectory(), engine.name, "octet");
  return engine.found || !existsSync(octet) ? undefined : `10.${readFileSync(octet, "utf8").trim()}.64.0/18`;
}

const id = (prefix: string) => `${prefix}${randomBytes(8).toString("hex")}`;

/** An environment that nobody else has, and its options but for what the test is about. */
export function environment(engine: LabEngine, manifest: Manifest, agent = id("agt")) {
  const owner: Owner = { agent, project: "shop", environment: id("env") };
  const options: StartOptions = {
    owner,
    deployment: id("dep"),
    images: new Map(manifest.services.map(({ name, image }) => [name, image ?? "busybox"])),
    hosts: new Map(),
    pool: poolOf(engine),
    signal: soon(),
  };
  return { owner, options, manifest };
}

export async function cleared(docker: Docker, owner: Owner): Promise<void> {
  await stopEnvironment(docker, owner, soon(), { graceSeconds: 0 });
}

/** Shell that serves what `/index.html` and `/who` say, by busybox alone. */
export const serve = (who: string, port = 8080) =>
  `mkdir -p /www; echo ${who} > /www/who; echo ${who} > /www/index.html; trap "exit 0" TERM; httpd -f -p ${port} -h /www & wait`;

export const manifestOf = (services: object): Manifest =>
  parseManifest(JSON.stringify({ version: 1, services }));

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Asks an ingress on this machine for a host, as a browser would that resolves its name. */
export async function askHost(port: number, host: string, path = "/who", method = "GET"): Promise<Answer> {
  const outgoing = request({ host: "127.0.0.1", port, path, method, agent: false, headers: { host } });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, body: await text(response) };
}

/** The ingress hears of changes by itself and tells nobody, so that it is asked until it has. */
export async function askUntil(
  port: number,
  host: string,
  wanted: (answer: Answer) => boolean,
  path = "/who",
): Promise<Answer> {
  const deadline = Date.now() + 90_000;
  for (;;) {
    const answer = await askHost(port, host, path);
    if (wanted(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`${host} still answers ${answer.status} ${answer.body}`);
    await delay(50);
  }
}
