import { randomUUID } from "node:crypto";
import { buildServices, emptyRequest, openGitContext, type ServiceBuildRequest } from "../build/index.js";
import {
  BuildKitClient,
  BuildKitError,
  chooseProgress,
  createRenderer,
  formatDuration,
  onProcessExit,
  openOutput,
  type ProgressRenderer,
  type RegistryAuth,
  systemClock,
} from "../buildkit/index.js";
import { type Docker, inspectImage, pullImage } from "../docker/index.js";
import { createEventEnvelope } from "../events/index.js";
import { type Manifest, readManifest } from "../manifest/index.js";
import { startEnvironment, stopEnvironment } from "../preview/index.js";
import { dockerConnection } from "./docker-connection.js";
import { exitCode } from "./exit-codes.js";
import type { UpFlags } from "./flags/up-flags.js";
import { parsePort } from "./flags/values.js";
import { interruptSignal } from "./interrupt.js";
import { localOwner } from "./local-owner.js";
import { registryAuth } from "./registry-auth.js";
import { registryLogin } from "./registry-login.js";
import { exitCodeOf, reportError } from "./report-error.js";
import { parseRepository, type RepositoryArgument } from "./repository-argument.js";

/** Runs `galley up` and returns the exit code. Progress goes to stderr, the URL alone to stdout. */
export async function runUp(argument: string, flags: UpFlags, process: NodeJS.Process): Promise<number> {
  const { env, stdout, stderr } = process;
  const began = Date.now();
  const interrupt = interruptSignal(process);
  const { signal } = interrupt;
  const json = flags.progress === "json" || flags.progress === "rawjson";
  let client: BuildKitClient | undefined;
  let renderer: ProgressRenderer | undefined;
  let shown = false;
  let started = false;
  let stop = async () => {};
  try {
    const output = openOutput(stderr);
    const settings = chooseProgress({ mode: flags.progress ?? "auto", env, output });
    const publicPort = flags.port === undefined ? undefined : parsePort(flags.port);
    const source = parseRepository(argument, process.cwd());
    const { manifest, commit } = await manifestAt(source, signal);
    client = await BuildKitClient.connect(undefined, { env, signal });
    const docker = await dockerConnection(env);
    const auth = await registryAuth(env, (message) => void stderr.write(`warning: ${message}\n`));
    const owner = localOwner(source);
    stop = async () => {
      await stopEnvironment(docker, owner, AbortSignal.timeout(60_000));
    };

    const envelope = createEventEnvelope({ now: Date.now, newId: randomUUID, project: source.project });
    renderer = createRenderer({
      ...settings,
      output,
      clock: systemClock(),
      onExit: onProcessExit,
      wrap: (event, build) => envelope(event, build),
    });
    const progress = renderer;
    for (const { name } of manifest.services) progress.start(name);
    const [built] = await Promise.all([
      buildServices(client, buildRequests(source, manifest, commit), {
        signal,
        cwd: process.cwd(),
        auth,
        credentialsSentTo: auth.sentTo,
        progress: (service) => ({
          onStatus: (status) => progress.update(service, status),
          onSourceMap: (map) => progress.sourceMap(service, map),
          onWarning: (message) => progress.warn(service, message),
        }),
        onBuilt: (service, image) =>
          progress.finish(service, { kind: "built", ...(image.imageId ? { image: image.imageId } : {}) }),
        onFailed: (service, error) => {
          const failed = error instanceof BuildKitError && error.code !== "cancelled";
          progress.finish(service, failed ? { kind: "failed", error } : { kind: "cancelled" });
          if (failed) shown = !json;
        },
      }),
      pullMissing(docker, auth, manifest, progress, signal),
    ]);

    const images = new Map(
      manifest.services.map((service) => [
        service.name,
        built.get(service.name)?.imageId ?? service.image ?? "",
      ]),
    );
    started = true;
    const running = await startEnvironment(docker, manifest, {
      owner,
      deployment: commit,
      images,
      hosts: new Map(),
      publish: publicPort ?? 0,
      onState: (service, state) => progress.note(service, state),
      signal,
    });
    await progress.close();
    if (!json) stderr.write(`\n${source.project} is up after ${formatDuration(Date.now() - began)}\n`);
    const port = [...running.services.values()].find(({ published }) => published)?.published;
    stdout.write(port ? `http://127.0.0.1:${port}\n` : "no service exposes a port\n");
    if (flags.detach) return exitCode.ok;
    if (!json) stderr.write("Ctrl-C stops it and removes its containers.\n");
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    if (!json) stderr.write("stopping…\n");
    await stop();
    return exitCode.ok;
  } catch (error) {
    await renderer?.close();
    // What was running before a start that failed stays; what an interrupted one left half is removed.
    if (started && signal.aborted)
      await stop().catch((failure) => void stderr.write(`warning: ${String(failure)}\n`));
    if (shown) return exitCodeOf(error);
    return reportError(error, { process, json, signal });
  } finally {
    client?.close();
    interrupt.release();
  }
}

async function manifestAt(
  source: RepositoryArgument,
  signal: AbortSignal,
): Promise<{ manifest: Manifest; commit: string }> {
  const tree = await openGitContext(source, { cwd: "/", signal, onWarning: () => {} });
  try {
    return { manifest: await readManifest(tree, signal), commit: tree.commit };
  } finally {
    await tree.close();
  }
}

/** One request for each service that is built; all of one commit, so that they fit together. */
function buildRequests(
  source: RepositoryArgument,
  manifest: Manifest,
  commit: string,
): ServiceBuildRequest[] {
  return manifest.services.flatMap(({ name, build }) => {
    if (!build) return [];
    const subdirectory = build.path === "." ? undefined : build.path;
    const context = {
      kind: "git" as const,
      repository: source.repository,
      ref: commit,
      ...(subdirectory ? { subdirectory } : {}),
    };
    return {
      service: name,
      request: {
        ...emptyRequest(context),
        dockerfile: { kind: "in-context" as const, path: build.dockerfile },
        tags: [`galley/${source.project}-${name}:${commit.slice(0, 12)}`],
        ...(build.target ? { target: build.target } : {}),
        buildArgs: build.args,
        repoKey: source.repoKey,
      },
    };
  });
}

/** Pulls the images of services that are not built and not here. */
async function pullMissing(
  docker: Docker,
  auth: RegistryAuth,
  manifest: Manifest,
  progress: ProgressRenderer,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    manifest.services.map(async ({ name, build, image }) => {
      if (build || !image) return;
      if (await inspectImage(docker, image, signal)) {
        progress.finish(name, { kind: "reused", image });
        return;
      }
      progress.note(name, `pulling ${image}`);
      await pullImage(docker, image, { signal, login: await registryLogin(auth, image) });
      progress.finish(name, { kind: "reused", image });
    }),
  );
}
