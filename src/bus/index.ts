// The contract between server and agents: subjects, streams, the schema of every message, the connection, publishing that
// survives disconnection. Knows NATS; it must not know what a deployment does, nor a database.
export { type AgentKey, createAgentKey, signAsAgent, verifyAgentSignature } from "./auth/agent-key.js";
export {
  type AgentCredentialRequest,
  issueAgentCredential,
  serverCredential,
  systemCredential,
} from "./auth/claims.js";
export { type BusCredential, type BusKeys, createBusKeys, loadBusKeys } from "./auth/keys.js";
export { revokeAgentKey, syncRevocations } from "./auth/revoke.js";
export { type ServerConfigOptions, serverConfig } from "./auth/server-config.js";
export { type BusConnection, type BusConnectionOptions, type BusEvent, connectBus } from "./connection.js";
export {
  type ConsumeOptions,
  consumeEvents,
  type EventConsumer,
  type IncomingBatch,
  type IncomingEvent,
} from "./ingest.js";
export {
  ensureJobConsumer,
  inspectJobQueue,
  type JobConsumerOptions,
  type JobQueueState,
  removeJobConsumer,
  repairJobQueue,
  type StoredJob,
} from "./job-consumers.js";
export { type ClaimedMessage, type JobQueue, type JobQueueOptions, openJobQueue } from "./job-queue.js";
export type { BusLog } from "./log.js";
export * from "./messages.js";
export {
  type CommandsOptions,
  type HeartbeatsOptions,
  onCommand,
  onHeartbeat,
  sendCommand,
  sendHeartbeat,
} from "./plain.js";
export { type DeadJob, type DeadJobsOptions, deleteJob, onDeadJob, publishJob } from "./publish-job.js";
export { repoKeyOf } from "./repo-key.js";
export { isUnheard, type RequestOptions, type RpcOptions, request, serveRpc } from "./rpc.js";
export { askRuntime, type RuntimeAsk, sendRuntime } from "./runtime.js";
export type { SpooledEvent } from "./spool/batcher.js";
export { openSpool, type Spool, type SpoolOptions } from "./spool/spool.js";
export { ensureStreams, type StreamLimits, type StreamOptions } from "./streams.js";
export { heartbeatMs, jobConsumer, type RpcVerb, streams, subjects } from "./subjects.js";
