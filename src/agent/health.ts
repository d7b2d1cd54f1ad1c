import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { GalleyError } from "../errors/index.js";
import type { AgentMetrics } from "./metrics.js";

/** One thing that has to be well: `ok` or what is the matter. */
export type HealthChecks = Readonly<Record<string, string>>;

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * /healthz (200 when every check is `ok`, else 503, with all of them) and /metrics, for this machine alone. Throws `port_in_use`.
 */
export async function serveHealth(
  port: number,
  checks: () => Promise<HealthChecks>,
  metrics: AgentMetrics,
): Promise<HealthServer> {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string) =>
      void response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    const json = (status: number, body: unknown) =>
      answer(status, "application/json", `${JSON.stringify(body)}\n`);
    const path = request.url?.split("?")[0];
    const respond = async () => {
      if (request.method !== "GET" && request.method !== "HEAD")
        return json(405, { code: "invalid_request" });
      if (path === "/healthz") {
        const found = await checks();
        const well = Object.values(found).every((state) => state === "ok");
        return json(well ? 200 : 503, { status: well ? "ok" : "degraded", checks: found });
      }
      if (path === "/metrics")
        return answer(200, metrics.registry.contentType, await metrics.registry.metrics());
      return json(404, { code: "not_found" });
    };
    respond().catch(() => json(500, { code: "internal" }));
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === "EADDRINUSE";
      reject(
        new GalleyError(
          taken ? "port_in_use" : "config_invalid",
          `GALLEY_HEALTH_PORT ${port} cannot be listened on (${cause.code}).`,
          {
            hint: "Choose another one; 0 takes any that is free.",
            cause,
          },
        ),
      );
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
