import { type Client, status } from "@grpc/grpc-js";
import { type google, LLBBridge, type moby, type pb } from "../../../proto/index.js";
import { unary } from "../transport/rpc.js";

type SolveInit = moby.buildkit.v1.frontend.SolveRequest.Init;
export type FrontendResult = moby.buildkit.v1.frontend.Result;

/** A busy daemon has dozens of builds to begin before this one; it waits for three seconds itself. */
const beginMs = 30_000;

/** There is no build of that id yet, nor was there within the daemon's own three seconds. */
function hasNotBegun(error: unknown): boolean {
  const { code, details } = Object(error) as { code?: unknown; details?: unknown };
  return code === status.NOT_FOUND && String(details).includes("no such job");
}

/**
 * A build's frontend, played from outside: a Control.Solve with neither frontend nor definition waits, and the calls here
 * act for it, by its ref, until `finish` or `fail`. Forgetting both leaves that Solve waiting for ever.
 *
 * All methods reject with grpc-js's ServiceError.
 */
export class Bridge {
  readonly client: Client;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(client: Client, ref: string) {
    this.client = client;
    // buildkit util/grpcutil/buildid: the daemon waits 3 s for a build of that id.
    this.metadata = { "buildkit-controlapi-buildid": ref };
  }

  /**
   * Asks a frontend for the graph of a build, without running it: steps run when the result is looked at or returned.
   *
   * @returns the result with references and definitions; undefined fields when there is nothing in it
   */
  async solveFrontend(
    frontend: string,
    attrs: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<FrontendResult | undefined> {
    return await this.#solve({ frontend, frontendOpt: attrs }, signal);
  }

  /** Loads a graph without running it. @returns the id of what it will result in, empty for the empty tree */
  async loadDefinition(
    definition: pb.Definition.Init,
    cacheImports: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[],
    signal: AbortSignal,
  ): Promise<string> {
    const imports = cacheImports.map(({ type, attrs }) => ({ type, attrs: { ...attrs } }));
    return (await this.#solve({ definition, cacheImports: imports }, signal))?.ref?.id ?? "";
  }

  /** Loads a graph and runs it. @returns the id of the resulting tree, empty for the empty tree. */
  async solveDefinition(definition: pb.Definition.Init, signal: AbortSignal): Promise<string> {
    const result = await this.#solve({ definition, evaluate: true }, signal);
    return result?.ref?.id ?? "";
  }

  async #solve(request: SolveInit, signal: AbortSignal): Promise<FrontendResult | undefined> {
    const asked = { ...request, allowResultReturn: true, allowResultArrayRef: true };
    const until = Date.now() + beginMs;
    for (;;) {
      try {
        const call = { metadata: this.metadata, signal };
        return (await unary(this.client, LLBBridge.methods.Solve, asked, call)).result ?? undefined;
      } catch (error) {
        if (!hasNotBegun(error) || signal.aborted || Date.now() > until) throw error;
      }
    }
  }

  /** Reads a file of a result; whole files must fit into 4 MiB on 20.10, 16 MiB later. */
  async readFile(
    ref: string,
    path: string,
    signal: AbortSignal,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const request = { ref, filePath: path, ...(range === undefined ? {} : { range }) };
    return (
      await unary(this.client, LLBBridge.methods.ReadFile, request, { metadata: this.metadata, signal })
    ).data;
  }

  /** Ends the build with a result; exporters run on it, and Control.Solve answers when they are done. */
  async finish(result: FrontendResult | undefined, signal: AbortSignal): Promise<void> {
    const request = { result: result === undefined ? {} : withoutDefinitions(result) };
    await unary(this.client, LLBBridge.methods.Return, request, {
      metadata: this.metadata,
      signal,
      timeoutMs: 30_000,
    });
  }

  /** Ends the build with an error, which Control.Solve then answers with, details included. */
  async fail(error: google.rpc.Status.Init, signal: AbortSignal): Promise<void> {
    await unary(
      this.client,
      LLBBridge.methods.Return,
      { error },
      { metadata: this.metadata, signal, timeoutMs: 5_000 },
    );
  }
}

/** References are found by their ids: the graphs, Dockerfiles included, need not travel back. */
function withoutDefinitions(result: FrontendResult): moby.buildkit.v1.frontend.Result.Init {
  const { refDeprecated, refsDeprecated, metadata, attestations } = result;
  // A copy of a decoded result has no `null` for what is not there.
  if (result.ref) return { metadata, attestations, ref: { id: result.ref.id } };
  if (result.refs) {
    const refs = Object.entries(result.refs.refs).map(([platform, { id }]) => [platform, { id }]);
    return { metadata, attestations, refs: { refs: Object.fromEntries(refs) } };
  }
  return {
    metadata,
    attestations,
    ...(typeof refDeprecated === "string" ? { refDeprecated } : {}),
    ...(refsDeprecated ? { refsDeprecated } : {}),
  };
}
