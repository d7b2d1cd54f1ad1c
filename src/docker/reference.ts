import { GalleyError } from "../errors/index.js";

/** An image reference taken apart, in the canonical form (`docker.io/library/...` spelled out). */
export interface ImageReference {
  /** `docker.io`, `localhost:5000`, `registry.example.org`. */
  readonly registry: string;
  /** `library/nginx`, `team/app`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:<hex>`. */
  readonly digest?: string;
}

// The grammar of distribution's reference package.
const host =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagShape = /^\w[\w.-]{0,127}$/;
/** The algorithms that registries and engines know, with their exact lengths. */
const digestShape = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/** Reads `nginx`, `team/app:1`, `localhost:5000/app@sha256:...`. Throws `image_reference_invalid` that says what is wrong. */
export function parseReference(text: string): ImageReference {
  const refuse = (why: string): never => {
    throw new GalleyError(
      "image_reference_invalid",
      `${JSON.stringify(text)} is not the name of an image: ${why}`,
      {
        hint: "The form is [REGISTRY/]NAME[:TAG][@DIGEST] in lower case, for example registry.example.org/team/app:1.2.",
      },
    );
  };
  let rest = text;
  let digest: string | undefined;
  let tag: string | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    digest = rest.slice(at + 1);
    rest = rest.slice(0, at);
    if (!digestShape.test(digest)) refuse("the digest after @ is malformed");
  }
  const colon = rest.lastIndexOf(":");
  if (colon > rest.lastIndexOf("/")) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!tagShape.test(tag)) refuse(tag === "" ? "the tag is empty" : "the tag is malformed");
  }
  if (rest === "") refuse("it is empty");
  const slash = rest.indexOf("/");
  const first = slash < 0 ? "" : rest.slice(0, slash);
  const named =
    first !== "" && (first === "localhost" || /[.:[]/.test(first) || first.toLowerCase() !== first);
  let registry = named ? first : "docker.io";
  let repository = named ? rest.slice(slash + 1) : rest;
  if (named && !host.test(first)) refuse("the registry before the first / is malformed");
  if (registry === "index.docker.io") registry = "docker.io";
  if (registry === "docker.io" && !repository.includes("/")) repository = `library/${repository}`;
  for (const part of repository.split("/")) {
    if (!component.test(part))
      refuse(part.toLowerCase() === part ? `"${part}" is malformed` : "it has upper-case letters");
  }
  if (registry.length + 1 + repository.length > 255) refuse("it is longer than 255 characters");
  if (/^[0-9a-f]{64}$/.test(text)) refuse("64 hexadecimal digits are an image id, not a name");
  return { registry, repository, ...(tag ? { tag } : {}), ...(digest ? { digest } : {}) };
}

/** The canonical name, with the tag `latest` where there is neither tag nor digest. */
export function canonicalName(text: string): string {
  const { registry, repository, tag, digest } = parseReference(text);
  const suffix = digest ? `${tag ? `:${tag}` : ""}@${digest}` : `:${tag ?? "latest"}`;
  return `${registry}/${repository}${suffix}`;
}

/** The name as people write it: without `docker.io/` and `library/`. */
export function familiarName(text: string): string {
  return canonicalName(text)
    .replace(/^docker\.io\/library\//, "")
    .replace(/^docker\.io\//, "");
}
