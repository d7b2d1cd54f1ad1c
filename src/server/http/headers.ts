import type { App } from "./zod-app.js";

/** Headers for every answer. A route that sets one of them itself, such as a page's policy of content, keeps its own. */
export function addSecurityHeaders(app: App, publicUrl: URL): void {
  const headers: Record<string, string> = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    ...(publicUrl.protocol === "https:" ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...headers, "x-request-id": request.id });
    // Answers are somebody's own; and none of them changes less often than it is asked for.
    if (request.url.startsWith("/api/")) reply.header("cache-control", "no-store");
  });
}
