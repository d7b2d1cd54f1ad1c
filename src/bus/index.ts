// The contract between server and agents: subjects, streams, the schema of every message, the connection, publishing that
// survives disconnection. Knows NATS; it must not know what a deployment does, nor a database.
export * from "./messages.js";
export { repoKeyOf } from "./repo-key.js";
export { heartbeatMs, jobConsumer, type RpcVerb, streams, subjects } from "./subjects.js";
