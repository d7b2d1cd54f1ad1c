import { gzipSync } from "node:zlib";
import type { FastifyReply, FastifyRequest } from "fastify";
import { publicAccess } from "./access.js";
import type { DashboardFiles } from "./dashboard-files.js";
import type { App } from "./zod-app.js";

/** The addresses that people open. Anything else stays unknown: a mistyped path of the API is not answered with a page. */
const pages = [
  "/",
  "/projects",
  "/projects/:name",
  "/environments/:id",
  "/deployments/:id",
  "/admin/agents",
  "/admin/caches",
  "/admin/caches/:agent",
  "/admin/caches/:agent/:repo",
] as const;

/**
 * What the page may do: run our script, show our styles, ask this server. No inline script or style, no other host, no frame, and
 * no text that becomes markup.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

interface Answer {
  readonly type: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Serves the dashboard from memory. The page is asked for anew each time; what it names has a hash in its name and never changes. */
export function addDashboard(app: App, { index, files }: DashboardFiles): void {
  const serve = (path: string, answer: Answer) => {
    const compressed = gzipSync(answer.body);
    app.get(path, { ...publicAccess, schema: { hide: true } }, (request, reply) =>
      send(request as FastifyRequest, reply as unknown as FastifyReply, answer, compressed),
    );
  };
  const page: Answer = {
    type: "text/html; charset=utf-8",
    body: index,
    headers: {
      "content-security-policy": policy,
      "cross-origin-opener-policy": "same-origin",
      "permissions-policy": "camera=(), geolocation=(), microphone=()",
      "cache-control": "no-cache",
    },
  };
  for (const path of pages) serve(path, page);
  for (const { path, type, body } of files) {
    const hashed = path.startsWith("/assets/");
    const age = hashed ? "public, max-age=31536000, immutable" : "public, max-age=3600";
    serve(path, { type, body, headers: { "cache-control": age } });
  }
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: Answer,
  compressed: Buffer,
): FastifyReply {
  const gzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(request.headers["accept-encoding"] ?? "");
  return reply
    .headers({ ...answer.headers, vary: "accept-encoding", ...(gzip ? { "content-encoding": "gzip" } : {}) })
    .type(answer.type)
    .send(gzip ? compressed : answer.body);
}
