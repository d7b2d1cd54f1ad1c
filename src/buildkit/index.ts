/**
 * A complete BuildKit client: it reaches a BuildKit, builds with it, follows and explains what happens, and keeps house in
 * its cache. It knows nothing of Galley, and imports nothing of ours but the generated protocol code.
 */
export { BuildKitClient, type ConnectOptions } from "./client.js";
export { parseCacheOption, requireCacheSupport } from "./content/cache-option.js";
export { parseLayoutReference, prepareLayout } from "./content/oci-layout.js";
export type { ContentDirectory } from "./content/service.js";
export { type ContextArgument, parseContextArgument } from "./context/argument.js";
export { constantTime, contentTime } from "./context/content-time.js";
export { createDirectoryTree, type DirectoryTreeOptions } from "./context/directory-tree.js";
export { createFilesTree } from "./context/files-tree.js";
export { parseIgnoreFile } from "./context/ignore-file.js";
export { createIndexedTree } from "./context/indexed-tree.js";
export { openStdinContext, type StdinContext } from "./context/stdin-context.js";
export type { DiskUsageOptions } from "./control/disk-usage.js";
export type { HistoryOptions } from "./control/history.js";
export type { PruneOptions, PruneResult } from "./control/prune.js";
export type { BuildKitInfo, BuildRecord, GcPolicy, Platform, UsageRecord, Worker } from "./control/types.js";
export {
  type BuildFailure,
  BuildKitError,
  type BuildKitErrorCode,
  buildKitErrorCodes,
  type ExcerptLine,
} from "./errors.js";
export { resolveOutputs } from "./export/engine-exports.js";
export { loadOutput, type OutputSpec, parseOutput, pushOutput } from "./export/output-spec.js";
export { unended } from "./export/unended.js";
export { type LintWarning, nearest, toLintWarning } from "./failure/index.js";
export type { EngineFeatures } from "./features.js";
export { createFileSync } from "./fsutil/file-sync.js";
export { goMode } from "./fsutil/mode.js";
export type { ContextTree, TreeEntry, TreeFilter } from "./fsutil/tree.js";
export {
  type ContainerExecOptions,
  type ContainerMount,
  type Gateway,
  type GatewayOptions,
  sourceDefinition,
} from "./gateway/index.js";
export * from "./progress/index.js";
export type * from "./progress/types.js";
export {
  createRegistryAuth,
  createSecrets,
  createSshAgents,
  createUpload,
  type DockerConfig,
  type DockerProxies,
  loadDockerConfig,
  type RegistryAuth,
  RpcError,
  rpcStatus,
  type SecretSource,
  type SessionCall,
  type SessionMetadata,
  type SessionMethod,
  type SessionService,
  type SshAgentSource,
} from "./session/index.js";
export type { BuildGraph, CacheMountUse, GraphInput, GraphStep, SolvedAgain } from "./solve/graph.js";
export type { HostNameOf } from "./solve/other-names.js";
export type { CacheEntry, ExportEntry, SolveOptions, SolveResult, StepSourceMap } from "./solve/types.js";
export { type Endpoint, formatEndpoint, parseTarget } from "./transport/endpoint.js";
export type { TlsFiles } from "./transport/tls-files.js";
export type { BuildKitTransport, EngineFacts } from "./transport/transport.js";
