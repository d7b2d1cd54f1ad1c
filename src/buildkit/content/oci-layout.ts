import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { BuildKitError } from "../errors.js";
import { BlobDirectory } from "./blobs.js";
import { digestHex } from "./digest.js";
import type { ContentDirectory } from "./service.js";
import { findInIndex, isDescriptor, putInIndex, readStoreIndex } from "./store-index.js";

const prefix = "oci-layout://";
const tagShape = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** `oci-layout://DIR[:TAG][@DIGEST]`, taken apart. */
export interface LayoutReference {
  readonly path: string;
  /** Default "latest", where there is no digest either. */
  readonly tag?: string;
  readonly digest?: string;
}

/** Undefined for what does not begin with `oci-layout://`. Throws `option_invalid` for an empty path. */
export function parseLayoutReference(value: string): LayoutReference | undefined {
  if (!value.startsWith(prefix)) return undefined;
  let path = value.slice(prefix.length);
  let digest: string | undefined;
  let tag: string | undefined;
  const at = path.lastIndexOf("@");
  if (at !== -1 && digestHex(path.slice(at + 1)) !== undefined) {
    digest = path.slice(at + 1);
    path = path.slice(0, at);
  }
  const colon = path.lastIndexOf(":");
  if (colon !== -1 && tagShape.test(path.slice(colon + 1))) {
    tag = path.slice(colon + 1);
    path = path.slice(0, colon);
  }
  if (path === "") {
    throw new BuildKitError("option_invalid", `${JSON.stringify(value)} names no directory.`, {
      hint: "Write oci-layout://DIR, oci-layout://DIR:TAG or oci-layout://DIR@sha256:DIGEST.",
    });
  }
  if (tag === undefined && digest === undefined) tag = "latest";
  return { path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** A named context that is an image layout on this machine, made ready for one solve. */
export interface PreparedLayout {
  /** Value of the frontend attribute `context:<name>`. */
  readonly context: string;
  /** What the content store must serve for it, by store id. */
  readonly stores: Readonly<Record<string, ContentDirectory>>;
}

/**
 * Resolves a layout to the digest of its image: by digest, by tag, or its only entry as buildx does. Throws
 * `context_not_found` when there is no layout or no such image, `context_invalid` when its index is damaged.
 */
export async function prepareLayout(
  reference: LayoutReference,
  options: { readonly cwd?: string } = {},
): Promise<PreparedLayout> {
  const directory = resolve(options.cwd ?? process.cwd(), reference.path);
  let { digest } = reference;
  if (digest === undefined) {
    const manifests = await readStoreIndex(directory);
    if (manifests === undefined) throw notFound(`There is no image layout in ${directory}.`);
    const tag = reference.tag ?? "latest";
    digest = (findInIndex(manifests, tag) ?? (manifests.length === 1 ? manifests[0] : undefined))?.digest;
    if (digest === undefined)
      throw notFound(`The image layout in ${directory} has no image with the tag ${tag}.`);
  }
  if ((await new BlobDirectory(directory).info(digest)) === undefined) {
    throw notFound(`The image layout in ${directory} lacks the blob ${digest}.`);
  }
  // The daemon reads it as the name of an image: lower case letters and digits only.
  const id = randomBytes(13).toString("hex");
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  return {
    context: `${prefix}${id}${tag}@${digest}`,
    stores: { [`oci:${id}`]: { path: directory, writable: false } },
  };
}

/** Names the image that an export with tar=false left in a directory; to be called when the solve has succeeded. */
export async function finishLayoutExport(
  directory: string,
  exporterResponse: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  let descriptor: unknown;
  try {
    descriptor = JSON.parse(
      Buffer.from(exporterResponse["containerimage.descriptor"] ?? "", "base64").toString("utf8"),
    );
  } catch {
    descriptor = undefined;
  }
  if (!isDescriptor(descriptor)) {
    throw new BuildKitError(
      "protocol_violation",
      "The engine exported an image without saying what its manifest is.",
    );
  }
  const names = (exporterResponse["image.name"] ?? "").split(",").filter((name) => name !== "");
  await putInIndex(
    directory,
    descriptor,
    names.length > 0 ? names.map((image) => ({ image })) : [{ tag: "latest" }],
    signal,
  );
}

function notFound(message: string): BuildKitError {
  return new BuildKitError("context_not_found", message, {
    hint: "A layout is made with --output type=oci,tar=false,dest=DIR; name its image with oci-layout://DIR:TAG.",
  });
}
