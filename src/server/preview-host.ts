import type { ServerConfig } from "./config/index.js";

/**
 * The host name of a preview, in lower case and without its port; undefined for one that is none: every name below the previews' domain
 * but that of the server itself is a preview's, whether there is one or not.
 */
export function previewHost(
  host: string,
  { ingress: { domain }, publicUrl }: Pick<ServerConfig, "ingress" | "publicUrl">,
): string | undefined {
  const [, name] = /^([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)\.?(?::\d{1,5})?$/i.exec(host.slice(0, 300)) ?? [];
  const lower = name?.toLowerCase();
  return lower?.endsWith(`.${domain}`) && lower !== publicUrl.hostname ? lower : undefined;
}
