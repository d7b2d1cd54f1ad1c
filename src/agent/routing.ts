import type { Routing } from "../preview/index.js";
import type { AgentConfig } from "./config.js";

/** How the proxy is told of previews. Their URLs are the server's: where those are https, so is the proxy. */
export function routingOf(
  scheme: "http" | "https",
  { tlsEnabled, entrypoints, certResolver }: Pick<AgentConfig, "tlsEnabled" | "entrypoints" | "certResolver">,
): Routing {
  return { tls: scheme === "https" || tlsEnabled, entrypoints, certResolver };
}
