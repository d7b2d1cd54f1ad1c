import { grpc, Health } from "../../../proto/index.js";
import type { SessionService } from "./service.js";
import { serviceOf, unary } from "./typed.js";

/**
 * grpc.health.v1.Health. The daemon calls Check every 1 s (20.10) or 5 s (newer) and closes a session that does not
 * answer. `Watch` is not used by it, and therefore not there.
 */
export function createHealth(): SessionService {
  const status = grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING;
  return serviceOf(unary(Health.methods.Check, async () => ({ status })));
}
