import { RpcError, rpcStatus, type SessionService } from "./service.js";

/** `HealthCheckResponse{status: SERVING}`: field 1, varint 1. */
const serving = Uint8Array.of(0x08, 0x01);

/**
 * grpc.health.v1.Health. The daemon calls Check every 1 s (20.10) or 5 s (newer) and closes a session that does not
 * answer. `Watch` is not used by it, and therefore not there.
 */
export function createHealth(): SessionService {
  return {
    methods: {
      "/grpc.health.v1.Health/Check": async (call) => {
        for await (const request of call.messages) {
          // The only fields of the request are a service's name and unknown ones; every service here is up.
          if (request.length > 1024) throw new RpcError(rpcStatus.invalidArgument, "the request is too long");
        }
        await call.send(serving);
      },
    },
  };
}
