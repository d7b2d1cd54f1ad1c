import { setMaxListeners } from "node:events";
import type { Caches } from "../../cache/index.js";
import { type InputImages, type PlannedService, planServices } from "../build/index.js";
import { BuildKitClient, BuildKitError } from "../buildkit/index.js";
import type { Job } from "../bus/index.js";
import type { Docker } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { DeploymentEvent } from "../events/index.js";
import type { Manifest } from "../manifest/index.js";
import {
  containerProbe,
  type Emulates,
  type PublicAddress,
  removeUnusedImages,
  startEnvironment,
  stopEnvironment,
} from "../preview/index.js";
import type { AgentConfig } from "./config.js";
import type { DiskWatch, Writer } from "./disk-watch.js";
import { failureOf } from "./failure.js";
import { routesOf } from "./firewall-loop.js";
import { hookEvent } from "./hook-event.js";
import { getImages } from "./images.js";
import { askIngress } from "./ingress-switch.js";
import { manifestOfJob } from "./job-manifest.js";
import type { OpenJobSource } from "./job-source.js";
import type { AgentLog } from "./log.js";
import type { ProjectImages } from "./project-images.js";
import { registryLogins } from "./registry-logins.js";
import { routingOf } from "./routing.js";
import { memoryBytes } from "./setting-values.js";
import type { Slots } from "./slots.js";
import { StopReason, stopReasonOf } from "./stop-reason.js";
import type { Tell } from "./telling.js";

export type DeploymentFinished = Extract<DeploymentEvent, { type: "deployment.finished" }>;

export interface RunnerOptions {
  /** Id. */
  readonly agent: string;
  readonly config: Pick<
    AgentConfig,
    | "cacheRegistry"
    | "defaultCpus"
    | "defaultMemory"
    | "publicNetwork"
    | "previewPool"
    | "probeImage"
    | "firewall"
    | "switchMs"
    | "ingressSocket"
    | "tlsEnabled"
    | "entrypoints"
    | "certResolver"
  >;
  readonly docker: Docker;
  /** `os/arch` of the engine; asked once, as the question takes longer than all the rest of a plan. */
  readonly platform: () => string;
  /** Where BuildKit is looked up. */
  readonly env: NodeJS.ProcessEnv;
  readonly openSource: OpenJobSource;
  readonly inputImages: InputImages;
  readonly caches: Caches;
  readonly proxies: Readonly<Record<string, string>>;
  readonly builds: Slots;
  readonly pulls: Slots;
  readonly projectImages: ProjectImages;
  readonly disk: Pick<DiskWatch, "writer">;
  readonly log: AgentLog;
  readonly now: () => number;
  /** Milliseconds a deployment may take. Default: two hours. */
  readonly limitMs?: number;
}

export interface RunOptions {
  readonly tell: Tell;
  readonly signal: AbortSignal;
  readonly mask: <T>(value: T) => T;
}

const twoHours = 7_200_000;

/**
 * Carries out a granted job and returns what its last event says. Undefined when the deployment goes on elsewhere or later (fenced, or
 * handed back): then nothing is to be told. Never rejects.
 */
export async function runJob(
  job: Job,
  options: RunnerOptions,
  run: RunOptions,
): Promise<DeploymentFinished | undefined> {
  const began = options.now();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(new StopReason("late")), options.limitMs ?? twoHours);
  const writer = options.disk.writer(job.deployment);
  const signal = AbortSignal.any([run.signal, limit.signal, writer.signal]);
  setMaxListeners(0, signal);
  const progress: Progress = { commit: null, addresses: new Map() };
  const finished = (
    outcome: DeploymentFinished["outcome"],
    rest: Partial<DeploymentFinished>,
  ): DeploymentFinished => ({
    type: "deployment.finished",
    outcome,
    commit: progress.commit,
    url: null,
    services: [],
    duration: Math.max(0, options.now() - began),
    error: null,
    ...rest,
  });
  try {
    if (job.kind === "terminate") {
      const { agent } = options;
      await stopEnvironment(options.docker, { agent, environment: job.environment.id }, signal);
      await removeImages(job.project.id, options, signal);
      return finished("terminated", {});
    }
    const work = () => deploy(job, options, { ...run, signal, writer }, progress);
    return finished("running", await options.projectImages.use(job.project.id, work));
  } catch (error) {
    const stop = signal.aborted ? stopReasonOf(signal) : undefined;
    if (stop?.kind === "fenced" || stop?.kind === "drained") return undefined;
    if (stop?.kind === "cancelled") return finished("cancelled", {});
    if (stop?.kind === "superseded") return finished("cancelled", { error: failureOf(stop) });
    const failure = run.mask(failureOf(signal.aborted ? endedBy(signal.reason, error) : error));
    options.log.warn({ deployment: job.deployment, code: failure.code }, failure.message);
    if (failure.code === "internal")
      options.log.error(
        { deployment: job.deployment, stack: run.mask((error as Error)?.stack) },
        "an error without a code",
      );
    return finished("failed", { error: failure });
  } finally {
    clearTimeout(timer);
  }
}

/** What is said of a deployment that was ended for a reason of ours: an error with the same code knows its step, others only echo the end. */
function endedBy(reason: unknown, error: unknown): unknown {
  if (reason instanceof GalleyError) return reason;
  if (!(reason instanceof BuildKitError)) return error;
  return error instanceof BuildKitError && error.code === reason.code ? error : reason;
}

/** The environment is gone in any case: what is left of its images goes with the next one. */
async function removeImages(
  project: string,
  { agent, docker, projectImages, log }: RunnerOptions,
  signal: AbortSignal,
): Promise<void> {
  try {
    await projectImages.sweep(project, () => removeUnusedImages(docker, { agent, project }, signal));
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ error: (error as Error).message }, "images that nobody uses could not be removed");
  }
}

/** What is known of a deployment when it fails. */
interface Progress {
  commit: string | null;
  addresses: ReadonlyMap<string, PublicAddress>;
}

async function deploy(
  asked: Job,
  options: RunnerOptions,
  { tell, signal, writer }: RunOptions & { readonly writer: Writer },
  progress: Progress,
): Promise<Partial<DeploymentFinished>> {
  const { docker } = options;
  await tell({ type: "deployment.state", state: "preparing" });
  const note = (text: string) => void tell({ type: "deployment.note", text });
  let client: Promise<BuildKitClient> | undefined;
  const buildkit = () => {
    client ??= BuildKitClient.connect(undefined, { env: options.env, signal });
    return client;
  };
  writer.fork = asked.fork ?? false;
  const source = await writer.during(() => options.openSource(asked, { signal, onNote: note }));
  writer.fork = source.fork;
  // From here on nobody can give away what it may not have.
  const job = { ...asked, fork: source.fork, ...(source.fork ? { secrets: {} } : {}) };
  try {
    progress.commit = source.commit;
    const { author, subject } = await source.files.about(signal);
    const cut = (text: string) => text.slice(0, 1_000);
    await tell({
      type: "deployment.source",
      commit: source.commit,
      ref: job.ref,
      subject: cut(subject),
      author: cut(author),
      fork: source.fork,
    });
    const { manifest, addresses } = await manifestOfJob(asked, source, { onNote: note, signal });
    progress.addresses = addresses;
    const plainHttp = async (registry: string, ended: AbortSignal) =>
      (await buildkit()).takesPlainHttp(registry, ended);
    const logins = registryLogins(job.registries, plainHttp, job.fork);
    const planned = await planServices(manifest.services, {
      docker,
      images: options.inputImages,
      files: source.files,
      ...keyScopes(options.agent, job, await source.apart(signal)),
      project: job.project.name,
      platform: options.platform(),
      login: logins.login,
      useCache: job.useCache,
      signal,
    });
    await tell(planEvent(planned, progress.addresses));
    await tell({ type: "deployment.state", state: "building" });
    // BuildKit has tried what its machine runs.
    const emulates = async (platform: string) =>
      (await (await buildkit()).workers(signal)).some(({ platforms }) =>
        platforms.some(({ os, architecture }) => `${os}/${architecture}` === platform),
      );
    const images = await getImages({
      ...options,
      cacheRegistry: options.config.cacheRegistry,
      buildkit,
      emulates,
      planned,
      job,
      source,
      logins,
      writer,
      tell,
      signal,
    });
    options.caches.usedImages({
      repoKey: job.project.repoKey,
      images: [...images.values()],
      deployment: job.deployment,
    });
    await tell({ type: "deployment.state", state: "starting" });
    return await start(job, manifest, images, options, { tell, signal, addresses, emulates });
  } finally {
    await source.close();
    await client?.then(
      (connected) => connected.close(),
      () => {}, // whoever needed it has the error
    );
  }
}

/**
 * An image that a fork has built is no other's: it may have been made of cache mounts that only the fork has filled. And one that was built for the
 * repository itself is not a fork's where it may hold what the fork is not given.
 */
function keyScopes(
  agent: string,
  { project, environment, fork }: Job & { readonly fork: boolean },
  apart: boolean,
) {
  const base = [agent, project.id];
  if (!fork) return { scope: base };
  return { scope: [...base, "fork", environment.name], ...(apart ? {} : { readsToo: base }) };
}

function planEvent(
  planned: readonly PlannedService[],
  addresses: ReadonlyMap<string, PublicAddress>,
): Extract<DeploymentEvent, { type: "deployment.plan" }> {
  const services = planned.map((one) => ({
    name: one.service.name,
    kind: one.service.kind,
    action: one.action,
    image: one.action === "reuse" || one.action === "pull" ? one.image : null,
    url: addresses.get(one.service.name)?.url ?? null,
  }));
  return { type: "deployment.plan", services };
}

async function start(
  job: Job,
  manifest: Manifest,
  images: ReadonlyMap<string, string>,
  { agent, config, docker }: RunnerOptions,
  {
    tell,
    signal,
    addresses,
    emulates,
  }: Pick<RunOptions, "tell" | "signal"> & Pick<Progress, "addresses"> & { readonly emulates: Emulates },
): Promise<Partial<DeploymentFinished>> {
  const owner = { agent, project: job.project.id, environment: job.environment.id };
  const memory = job.resources.memory === null ? Number.NaN : memoryBytes(job.resources.memory);
  const running = await startEnvironment(docker, manifest, {
    owner,
    deployment: job.deployment,
    images,
    emulates,
    hosts: addresses,
    routing: routingOf(job.ingress.scheme, config),
    limits: {
      cpus: job.resources.cpus ?? config.defaultCpus,
      memory: Number.isNaN(memory) ? config.defaultMemory : memory,
    },
    env: job.env,
    secrets: job.secrets,
    pool: config.previewPool,
    publicNetwork: config.publicNetwork,
    switchMs: config.switchMs,
    ...(config.ingressSocket ? { moved: askIngress(config.ingressSocket) } : {}),
    routes: routesOf(docker, { firewall: config.firewall, agent }, signal),
    ...(config.probeImage ? { probe: containerProbe(docker, owner, config.probeImage) } : {}),
    onState: (service, state) => void tell({ type: "service.state", state, detail: null }, service),
    onHook: (event) => void tell(hookEvent(event), event.service),
    onNote: (text) => void tell({ type: "deployment.note", text }),
    signal,
  });
  return {
    url: running.url ?? null,
    services: [...running.services].map(([name, { url }]) => ({
      name,
      image: images.get(name) ?? "",
      url: url ?? null,
    })),
  };
}
