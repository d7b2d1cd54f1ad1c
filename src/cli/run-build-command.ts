import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { type BuiltImage, buildImage, proxyArgs } from "../build/index.js";
import {
  BuildKitClient,
  BuildKitError,
  chooseProgress,
  createRenderer,
  loadDockerConfig,
  onProcessExit,
  openOutput,
  type ProgressRenderer,
  systemClock,
  unended,
} from "../buildkit/index.js";
import { pushImage } from "../docker/index.js";
import { createEventEnvelope } from "../events/index.js";
import { dockerConnection } from "./docker-connection.js";
import { exitCode } from "./exit-codes.js";
import type { BuildFlags } from "./flags/build-flags.js";
import { buildRequest } from "./flags/build-request.js";
import { interruptSignal } from "./interrupt.js";
import { imageMetadata } from "./metadata.js";
import { printAnswer } from "./print-answer.js";
import { registryAuth } from "./registry-auth.js";
import { registryLogin } from "./registry-login.js";
import { exitCodeOf, reportError } from "./report-error.js";

/** Runs `galley build` and returns the exit code. Progress goes to stderr, the result alone to stdout. */
export async function runBuildCommand(
  argument: string,
  flags: BuildFlags,
  process: NodeJS.Process,
): Promise<number> {
  const { env, stdout, stderr } = process;
  const cwd = process.cwd();
  const interrupt = interruptSignal(process);
  const { signal } = interrupt;
  const json = flags.progress === "json" || flags.progress === "rawjson";
  let client: BuildKitClient | undefined;
  let renderer: ProgressRenderer | undefined;
  let shown = false;
  try {
    const output = openOutput(stderr);
    const settings = chooseProgress({
      mode: flags.quiet ? "quiet" : (flags.progress ?? "auto"),
      env,
      output,
    });
    const request = await buildRequest(argument, flags, { cwd, env, stdin: process.stdin });
    client = await BuildKitClient.connect(flags.builder, { env, signal });
    const config = await loadDockerConfig(undefined, env);
    const auth = await registryAuth(env, (message) => renderer?.warn(undefined, message), client, config);
    const envelope = createEventEnvelope({ now: Date.now, newId: randomUUID });
    renderer = createRenderer({
      ...settings,
      output,
      clock: systemClock(),
      onExit: onProcessExit,
      wrap: (event) => envelope(event),
    });
    const progress = renderer;
    progress.start(undefined);
    let built: BuiltImage;
    try {
      built = await buildImage(client, request, {
        signal,
        cwd,
        auth,
        proxies: proxyArgs(config.proxies, [client.transport.where, env.DOCKER_HOST]),
        credentialsSentTo: auth.sentTo,
        onStatus: (status) => progress.update(undefined, status),
        onSourceMap: (map) => progress.sourceMap(undefined, map),
        onWarning: (message) => progress.warn(undefined, message),
        push: async (name) => {
          progress.note(undefined, `pushing ${name}`);
          const login = await registryLogin(auth, name);
          await pushImage(await dockerConnection(env, flags.builder), name, { signal, login });
          progress.note(undefined, `pushed ${name}`);
        },
        stdout: { terminal: Boolean(stdout.isTTY), open: async () => unended(stdout) },
      });
    } catch (error) {
      if (error instanceof BuildKitError) {
        progress.finish(
          undefined,
          error.code === "cancelled" ? { kind: "cancelled" } : { kind: "failed", error },
        );
        // The renderers for people have shown the failure under the build that it belongs to.
        shown = !json;
      }
      throw error;
    }
    progress.finish(undefined, {
      kind: "built",
      ...(built.imageId ? { image: built.imageId } : {}),
      names: request.tags,
      ...(request.call ? {} : { sent: built.sent }),
    });
    await progress.close(afterGrace(signal));

    if (request.call) return printAnswer(built.answer ?? {}, json, stdout);
    if (flags.iidfile && built.imageId) writeFileSync(flags.iidfile, built.imageId);
    if (flags.metadataFile)
      writeFileSync(flags.metadataFile, `${JSON.stringify(imageMetadata(built), null, 2)}\n`);
    const streamed = request.outputs.some((spec) => spec.dest === "-");
    // On a terminal the renderer has just shown it.
    const seen = settings.mode === "tty" && stdout.isTTY;
    if (built.imageId && !streamed && !seen) stdout.write(`${built.imageId}\n`);
    return exitCode.ok;
  } catch (error) {
    await renderer?.close(afterGrace(signal));
    if (shown) return exitCodeOf(error);
    return reportError(error, { process, json, signal });
  } finally {
    client?.close();
    interrupt.release();
  }
}

/** How long an interrupted command waits for whoever reads its output. */
const graceMs = 5000;

/** A signal that comes some seconds after another: a pipe that is read slowly is waited for, but not against Ctrl-C. */
function afterGrace(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const arm = () => setTimeout(() => late.abort(), graceMs).unref();
  if (signal.aborted) arm();
  else signal.addEventListener("abort", arm, { once: true });
  return late.signal;
}
