import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { Socket } from "node:net";
import cookie from "@fastify/cookie";
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type preHandlerAsyncHookHandler,
} from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import type { Logger } from "pino";
import { GalleyError } from "../../errors/index.js";
import type { Store } from "../store/index.js";
import { type Authenticator, publicAccess } from "./access.js";
import { authenticateRoutes } from "./authenticate.js";
import { addDashboard } from "./dashboard.js";
import { readDashboard } from "./dashboard-files.js";
import { errorAnswer } from "./error-answer.js";
import { addSecurityHeaders } from "./headers.js";
import { addHealth, type ReadyCheck } from "./health.js";
import { addOpenApi } from "./openapi.js";
import { addRateLimits, type RateLimits } from "./rate-limits.js";
import type { App } from "./zod-app.js";

/** Where requests for previews arrive. A request has its own path as `originalUrl`. */
export const previewPath = "/-/preview";

export interface HttpOptions {
  readonly store: Store;
  readonly log: Logger;
  readonly authenticator: Authenticator;
  /** The address that people open. Decides which Origin is ours, and whether cookies are for https alone. */
  readonly publicUrl: URL;
  /** Proxies whose X-Forwarded-For is believed, as addresses or CIDR ranges. Default: none. */
  readonly trustedProxies?: readonly string[];
  readonly limits?: RateLimits;
  /** Whether a host name is a preview's. All that is asked of one goes to `previewPath`, and never to a route of ours. */
  readonly isPreview?: (host: string) => boolean;
  /** What `/readyz` asks beside the database. */
  readonly ready?: readonly ReadyCheck[];
  /** Adds the routes of the API; paths are below /api/v1. */
  readonly api: (app: App) => void;
  /** Adds routes outside of /api/v1, such as /metrics. */
  readonly root?: (app: App) => void;
  /** Folder of the built dashboard. Default: none is served. */
  readonly dashboard?: string | undefined;
}

/**
 * Makes the HTTP server; it listens by `app.listen`. `app.close()` lets requests that run come to their end, and cuts what is still
 * open after ten seconds.
 */
export async function createHttp(options: HttpOptions): Promise<App> {
  const { log } = options;
  const app: App = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    // Not the client's: it could write what it likes into the log.
    genReqId: () => randomBytes(9).toString("base64url"),
    requestIdHeader: false,
    trustProxy: options.trustedProxies?.length ? [...options.trustedProxies] : false,
    bodyLimit: 512 * 1024,
    requestTimeout: 30_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 200 },
    rewriteUrl: ({ url = "/", headers: { host } }) =>
      host !== undefined && options.isPreview?.(host) ? previewPath : url,
    frameworkErrors: (error, request, reply) => {
      answerError(error, request as FastifyRequest, reply as FastifyReply);
    },
    clientErrorHandler: answerBrokenClient,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser("text/plain");
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply));

  const closing = new AbortController();
  app.decorate("closing", closing.signal);
  const unused = connectionsWithoutRequest(app.server);
  app.addHook("preClose", async () => {
    closing.abort(new GalleyError("interrupted", "The server is stopping."));
    for (const socket of unused) socket.destroy();
    setTimeout(() => app.server.closeAllConnections(), 10_000).unref();
  });
  // A connection that stays open after its last answer would hold the end up.
  app.addHook("onSend", async (_request, reply) => {
    if (closing.signal.aborted) reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const level = reply.statusCode >= 500 ? "warn" : request.method === "GET" ? "debug" : "info";
    request.log[level](
      {
        method: request.method,
        path: request.url.split("?", 1)[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        address: request.ip,
      },
      "request",
    );
  });

  addSecurityHeaders(app, options.publicUrl);
  await app.register(cookie);
  await addRateLimits(app, options.limits);
  authenticateRoutes(app as unknown as FastifyInstance, options);
  await addOpenApi(app, options.publicUrl);
  app.setNotFoundHandler(
    { preHandler: app.rateLimit() as unknown as preHandlerAsyncHookHandler },
    (request, reply) =>
      answerError(
        new GalleyError("not_found", "There is nothing at this path.", {
          hint: "The paths of the API are in /api/v1/openapi.json.",
        }),
        request,
        reply,
      ),
  );
  await app.register(
    async (api: App) => {
      api.get("/openapi.json", { ...publicAccess, schema: { hide: true } }, () => app.swagger());
      options.api(api);
    },
    { prefix: "/api/v1" },
  );
  addHealth(app, options.store, options.ready ?? []);
  options.root?.(app);
  if (options.dashboard !== undefined) addDashboard(app, readDashboard(options.dashboard));
  return app;
}

function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body, fault } = errorAnswer(error, request.id);
  if (fault) request.log.error({ err: error }, "a request failed");
  else if (status >= 500) request.log.warn({ reason: body.message }, "a request failed");
  return reply.code(status).type("application/json; charset=utf-8").serializer(JSON.stringify).send(body);
}

/** For what is not HTTP at all, or too large, or too slow: there is no request yet that a route could answer. */
function answerBrokenClient(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") return void socket.destroy();
  const [status, message] =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? ["408 Request Timeout", "The request took too long to arrive."]
      : error.code === "HPE_HEADER_OVERFLOW"
        ? ["431 Request Header Fields Too Large", "The headers are too large."]
        : ["400 Bad Request", "That is not a valid HTTP request."];
  const body = JSON.stringify({ code: "invalid_request", message });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * Connections on which nothing was asked yet, as browsers and Node's `fetch` open them ahead. Node takes them for busy: a server that ends
 * would wait for them.
 */
function connectionsWithoutRequest(server: Server): ReadonlySet<Socket> {
  const unused = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", ({ socket }) => unused.delete(socket));
  return unused;
}
