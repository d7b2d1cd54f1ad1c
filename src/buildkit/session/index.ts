/**
 * The session: the connection on which the daemon calls back, the small gRPC server that answers it, and the services of
 * general use (secrets, ssh, registry credentials, uploads). It knows nothing of solves, Dockerfiles or transports: a
 * connection is handed in, and file sync, exports and the content store are services that others plug in.
 */

export {
  type DockerConfig,
  type DockerProxies,
  loadDockerConfig,
  type RegistryCredentials,
} from "./auth/docker-config.js";
export { createRegistryAuth, type RegistryAuth, type RegistryAuthOptions } from "./auth/service.js";
export type { SessionMetadata } from "./metadata.js";
export { openSession, type Session, type SessionHeaders } from "./open.js";
export { createSecrets, type SecretSource } from "./secrets.js";
export {
  RpcError,
  rpcStatus,
  type SessionCall,
  type SessionMethod,
  type SessionService,
} from "./service.js";
export { createSshAgents, type SshAgentSource } from "./ssh/service.js";
export { createUpload, type UploadService } from "./upload.js";
