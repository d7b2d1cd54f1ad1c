import { createHash } from "node:crypto";

const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPart = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
/** A tag has at most 128 characters; a scope's name takes up to 24. */
const longestPart = 100;

/**
 * The name of a service's layers in a registry: `PREFIX/<repo key>:<scope>.<service>`. What a registry does not take is replaced and marked by a
 * digest, so that two names are never one.
 *
 * @param prefix `host/path`, as GALLEY_CACHE_REGISTRY has it
 * @param scope `base`, `pr-7`
 */
export function registryRef(prefix: string, repoKey: string, scope: string, service: string): string {
  const repository = component.test(repoKey) ? repoKey : marked(repoKey, /[^a-z0-9]+/g);
  const name =
    tagPart.test(service) && service.length <= longestPart ? service : marked(service, /[^A-Za-z0-9]+/g);
  return `${prefix}/${repository}:${scope}.${name}`;
}

/** What is written here looks like no name that is taken as it is but by a digest that fits. */
function marked(text: string, foreign: RegExp): string {
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const readable = text
    .replace(foreign, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60)
    .replace(/-+$/, "");
  return `${readable === "" ? "x" : readable}--${digest}`;
}
