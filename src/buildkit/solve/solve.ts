import { randomBytes } from "node:crypto";
import { BuildKitError } from "../errors.js";
import { describeFailure, FailureEvidence, maskArgumentsOf, maskSteps } from "../failure/index.js";
import { openSession, type Session } from "../session/index.js";
import type { BuildKitTransport } from "../transport/transport.js";
import { inspectBuildFiles } from "./build-files.js";
import { withPlainName } from "./context-name.js";
import { SolveFailure } from "./failure.js";
import { runSolve } from "./run.js";
import { type SolveServices, solveServices } from "./services.js";
import type { SolveOptions, SolveResult, StepSourceMap } from "./types.js";

/** A daemon that asks again and again for what it cannot get must not fill the memory. */
const callErrorsKept = 100;

/**
 * Builds: opens a session that serves what the build needs, solves, follows its progress, and leaves nothing behind.
 *
 * One session per solve: the daemon keeps what it has read of a directory for as long as the session lives, and a second
 * solve in it would build the old files.
 *
 * @throws BuildKitError with what is known about the failure; `cancelled` or `timeout` when `options.signal` was aborted
 */
export async function solve(transport: BuildKitTransport, options: SolveOptions): Promise<SolveResult> {
  requireSolvable(transport, options);
  const attempt = await trySolve(transport, options, options.ref ?? randomRef(), options.sourceMap !== false);
  // A new ref, and a new session: those of the first attempt are spent.
  if (attempt === "without-gateway")
    return (await trySolve(transport, options, randomRef(), false)) as SolveResult;
  return attempt;
}

async function trySolve(
  transport: BuildKitTransport,
  options: SolveOptions,
  ref: string,
  useGateway: boolean,
): Promise<SolveResult | "without-gateway"> {
  const { signal } = options;
  const evidence = new FailureEvidence();
  const mask = maskArgumentsOf(options.frontendAttrs);
  let sourceMap: StepSourceMap | undefined;
  let session: Session | undefined;
  let services: SolveServices | undefined;
  let succeeded = false;
  const callErrors: BuildKitError[] = [];
  try {
    signal?.throwIfAborted();
    const files = await inspectBuildFiles(options, signal ?? new AbortController().signal);
    services = await solveServices(options);
    session = await openSession({
      dial: (headers, opening) => transport.openSession(headers, opening),
      services: services.services,
      ownHeaders: files.ownHeaders,
      ...(options.sharedKey === undefined ? {} : { sharedKey: options.sharedKey }),
      ...(signal === undefined ? {} : { signal }),
      onCallError: (error) => {
        if (error instanceof BuildKitError && callErrors.length < callErrorsKept) callErrors.push(error);
      },
    });
    const outcome = await runSolve({
      transport,
      options: { ...options, cacheImports: services.cacheImports, cacheExports: services.cacheExports },
      ref,
      session,
      useGateway,
      largeDockerfile: files.largeDockerfile,
      onStatus: (told) => {
        const plain = withPlainName(told, options.contextName);
        const status = mask === undefined ? plain : maskSteps(plain, mask);
        evidence.add(status);
        return options.onStatus?.(status);
      },
      onSourceMap: (map) => {
        sourceMap = map;
        options.onSourceMap?.(map);
      },
    });
    if (outcome === "without-gateway") return outcome;
    await session.close();
    await services.complete(outcome.exporterResponse, signal);
    succeeded = true;
    return { ref, ...outcome, sent: services.sent() };
  } catch (error) {
    const found = error instanceof SolveFailure ? error : new SolveFailure(error, {});
    const servedError = services?.failure();
    const known = {
      ...found.known,
      aborted: signal?.aborted ?? false,
      abortReason: signal?.reason,
      evidence,
      callErrors,
      endpoint: transport.where,
      ...(sourceMap === undefined ? {} : { sourceMap }),
      ...(servedError === undefined ? {} : { servedError }),
      ...(options.frontendAttrs === undefined ? {} : { frontendAttrs: options.frontendAttrs }),
      ...(options.credentialsSentTo === undefined ? {} : { credentialsSentTo: options.credentialsSentTo }),
    };
    throw await describeFailure(found.error, known, options.trees);
  } finally {
    await session?.close();
    if (!succeeded) await services?.discard();
  }
}

/** Before BuildKit 0.13 there is one exporter; further ones would be left out without a word. */
const multipleExportsFrom = 45;

function requireSolvable({ engine }: BuildKitTransport, options: SolveOptions): void {
  const old = engine !== undefined && Number(engine.apiVersion.slice("1.".length)) < multipleExportsFrom;
  if (old && (options.exports?.length ?? 0) > 1) {
    throw new BuildKitError(
      "engine_unsupported",
      `This engine (${engine.version}) can export a build only once`,
      {
        hint: "Docker Engine 26 or newer can do more; here, build once for each output: the later builds are cached.",
      },
    );
  }
  if (options.frontend === null && options.definition === undefined) {
    throw new BuildKitError("option_invalid", "A solve needs a frontend or a definition", {
      hint: "Leave `frontend` out for Dockerfiles, or give a marshalled pb.Definition.",
    });
  }
}

/** 25 lower-case letters and digits, the shape of BuildKit's own ids. */
function randomRef(): string {
  return BigInt(`0x${randomBytes(17).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(-25);
}
