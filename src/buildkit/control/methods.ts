import { containerd, moby } from "../../../proto/gen/buildkit.js";
import type { RpcMethod } from "../transport/rpc.js";

const v1 = moby.buildkit.v1;
const content = containerd.services.content.v1;

interface Codec<Init, Message> {
  encode(message: Init): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

/** A method from its path and the codecs of its two messages. */
export function rpcMethod<Request, Response>(
  path: string,
  request: Codec<Request, unknown>,
  response: Codec<never, Response>,
): RpcMethod<Request, Response> {
  return {
    path,
    encode: (message) => request.encode(message).finish(),
    decode: (bytes) => response.decode(bytes),
  };
}

const control = "/moby.buildkit.v1.Control";

export const solveMethod = rpcMethod(`${control}/Solve`, v1.SolveRequest, v1.SolveResponse);
export const statusMethod = rpcMethod(`${control}/Status`, v1.StatusRequest, v1.StatusResponse);
export const diskUsageMethod = rpcMethod(`${control}/DiskUsage`, v1.DiskUsageRequest, v1.DiskUsageResponse);
export const pruneMethod = rpcMethod(`${control}/Prune`, v1.PruneRequest, v1.UsageRecord);
export const workersMethod = rpcMethod(
  `${control}/ListWorkers`,
  v1.ListWorkersRequest,
  v1.ListWorkersResponse,
);
export const infoMethod = rpcMethod(`${control}/Info`, v1.InfoRequest, v1.InfoResponse);
export const listenHistoryMethod = rpcMethod(
  `${control}/ListenBuildHistory`,
  v1.BuildHistoryRequest,
  v1.BuildHistoryEvent,
);
export const updateHistoryMethod = rpcMethod(
  `${control}/UpdateBuildHistory`,
  v1.UpdateBuildHistoryRequest,
  v1.UpdateBuildHistoryResponse,
);
/** The daemon's own content store, on the same connection (BuildKit 0.11 and later). */
export const readContentMethod = rpcMethod(
  "/containerd.services.content.v1.Content/Read",
  content.ReadContentRequest,
  content.ReadContentResponse,
);
