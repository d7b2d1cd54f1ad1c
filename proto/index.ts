/**
 * BuildKit's wire API: the messages, generated from the .proto files beside, and tables of the services' methods.
 *
 * It knows bytes and nothing else: no transport, no meaning of a build. Everything here that a daemon may send is decoded
 * as it came; checking it is the caller's.
 *
 * errdefs is described in its .proto but not exported: daemons send those messages as JSON.
 */
export type { Long } from "./gen/buildkit.js";
export { containerd, fsutil, google, grpc, moby, pb } from "./gen/buildkit.js";
export { toBigInt, toLong } from "./int64.js";
export type {
  BidiMethod,
  MethodDescriptor,
  ServerStreamMethod,
  ServiceDescriptor,
  UnaryMethod,
} from "./service.js";
export {
  Auth,
  Content,
  Control,
  FileSend,
  FileSendTree,
  FileSync,
  Health,
  LLBBridge,
  Secrets,
  SessionExporter,
  SSH,
  Upload,
} from "./services.js";
