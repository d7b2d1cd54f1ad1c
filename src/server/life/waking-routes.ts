import { setTimeout as delay } from "node:timers/promises";
import type { FastifyReply, FastifyRequest } from "fastify";
import { withDeadline } from "../../errors/index.js";
import type { ServerConfig } from "../config/index.js";
import type { EnvironmentRow } from "../deployments/index.js";
import { type App, anybody, goneOf, previewPath } from "../http/index.js";
import { previewHost } from "../preview-host.js";
import type { QueueDeps } from "../queue/index.js";
import { createPreviewOfHost, type PreviewOfHost } from "./preview-of-host.js";
import { createRecent } from "./recent.js";
import { wake } from "./rest.js";
import { type Answer, type Waiting, waitingAnswer } from "./waking-page.js";

export interface WakingDeps extends QueueDeps {
  readonly config: Pick<ServerConfig, "ingress" | "publicUrl">;
  /** Milliseconds; tests make them shorter. */
  readonly wakingTimes?: Partial<WakingTimes>;
}

export interface WakingTimes {
  /** For which a request that is no page of a browser is held until its preview is up. */
  readonly holdMs: number;
  /** Between looks while it is held. */
  readonly lookMs: number;
  /** That the proxy gets to see the route of a preview that is up, where a request that was sent back to it came here again. */
  readonly routeMs: number;
}

const usual: WakingTimes = { holdMs: 25_000, lookMs: 250, routeMs: 1_000 };
/** Requests that are held at once; further ones are told to come again. */
const mostHeld = 200;
/** Milliseconds in which a request that was sent back to the proxy is here again if that has no route yet. */
const returnsMs = 5_000;
/** Milliseconds for which one that could not be woken is left alone. */
const leftAloneMs = 30_000;

/**
 * What is asked of hosts of previews and that no route of the proxy takes: those that hibernate are woken. A browser gets a page that looks
 * again; everything else is held until the preview is up, and then sent to the same address with the same method and body (307).
 */
export function wakingRoutes(app: App, deps: WakingDeps): void {
  const { scheme, port } = deps.config.ingress;
  const origin = (host: string) => `${scheme}://${host}${port === null ? "" : `:${port}`}`;
  const times = { ...usual, ...deps.wakingTimes };
  const previewOf = createPreviewOfHost(deps.db, origin, deps.now);
  const sentBack = createRecent(returnsMs, deps.now);
  let held = 0;

  const answerFor = async (request: FastifyRequest, reply: FastifyReply): Promise<Answer> => {
    const host = previewHost(request.headers.host ?? "", deps.config);
    const waiting = host === undefined ? "unknown" : await lookAt(deps, previewOf, host);
    const reads = request.method === "GET" || request.method === "HEAD";
    const html = /\btext\/html\b/.test(request.headers.accept ?? "");
    if (host === undefined || waiting === "unknown" || (reads && html) || held >= mostHeld)
      return waitingAnswer(waiting, html);
    held += 1;
    const ended = AbortSignal.any([goneOf(reply).signal, app.closing]);
    try {
      const routeMs = sentBack.has(host) ? times.routeMs : 0;
      if (!(await hold(deps, previewOf, host, { ...times, routeMs }, ended)))
        return waitingAnswer(waiting, html);
      sentBack.add(host);
      return { status: 307, headers: { location: `${origin(host)}${pathOf(request)}` }, body: "" };
    } finally {
      held -= 1;
    }
  };

  app.register(async (own) => {
    // Bodies are left where they are, whatever they are.
    own.removeAllContentTypeParsers();
    own.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const options = { config: { ...anybody.config, rateLimit: app.previewLimit }, schema: { hide: true } };
    own.all(previewPath, options, async (request, reply: FastifyReply) => {
      const { status, headers, body } = await answerFor(request, reply);
      // What of a body was not read would be taken for the next request.
      if (request.headers["content-length"] || request.headers["transfer-encoding"])
        reply.header("connection", "close");
      return reply.code(status).headers(headers).serializer(String).send(body);
    });
  });
}

/** What is with the preview of a host. One that hibernates is woken. */
async function lookAt(deps: WakingDeps, previewOf: PreviewOfHost, host: string): Promise<Waiting> {
  const row = await previewOf(host);
  if (row === undefined || row.desired === "down") return "unknown";
  if (row.hibernatedAt === null || row.deploymentId === null)
    return row.state === "running" ? "ready" : "building";
  if (row.desired === "up") return "waking";
  if (row.lifeError !== null && deps.now() - row.updatedAt.getTime() < leftAloneMs) return "failed";
  return (await wakeFor(deps, row)) ? "waking" : "unknown";
}

/** False when it is gone meanwhile. */
async function wakeFor(deps: WakingDeps, { id }: EnvironmentRow): Promise<boolean> {
  try {
    await wake(deps, id, async () => {});
    return true;
  } catch (error) {
    deps.log.debug({ err: error, environment: id }, "a preview that was asked for could not be woken");
    return false;
  }
}

/** Resolves with true when the preview is up and the proxy may know, with false when that takes too long or will not be. */
async function hold(
  deps: WakingDeps,
  previewOf: PreviewOfHost,
  host: string,
  { holdMs, lookMs, routeMs }: WakingTimes,
  gone: AbortSignal,
): Promise<boolean> {
  const ended = withDeadline(gone, holdMs);
  try {
    for (;;) {
      const waiting = await lookAt(deps, previewOf, host);
      if (waiting === "ready") {
        await delay(routeMs, undefined, { signal: ended });
        return true;
      }
      if (waiting === "unknown" || waiting === "failed") return false;
      await delay(lookMs, undefined, { signal: ended });
    }
  } catch (error) {
    if (ended.aborted) return false;
    throw error;
  }
}

/** Never another host: a path that begins with two slashes would be one. */
function pathOf({ originalUrl }: FastifyRequest): string {
  return originalUrl.startsWith("/") ? originalUrl.replace(/[^\x21-\x7e]/g, "") : "/";
}
