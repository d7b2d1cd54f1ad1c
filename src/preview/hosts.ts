import { createHash } from "node:crypto";
import { GalleyError } from "../errors/index.js";
import type { Manifest } from "../manifest/index.js";
import { publicServices } from "./public.js";

/** How previews are reached from outside. */
export interface Ingress {
  readonly scheme: "http" | "https";
  /** `localhost`, `previews.example.org` */
  readonly domain: string;
  /** Null: the scheme's own. */
  readonly port: number | null;
}

export interface PublicAddress {
  readonly host: string;
  readonly url: string;
}

/** Bytes of one label of a name, and of a whole name (RFC 1035, without the dot at its end). */
const LABEL_MAX = 63;
const NAME_MAX = 253;
/** Hexadecimal digits that tell apart names that were shortened or mended. */
const HASH_LENGTH = 8;

/**
 * The addresses of an environment's public services, by service, in the manifest's order: `pr-1-shop.<domain>` for the one public
 * service, `<service>.pr-1-shop.<domain>` where there are several. Depends on names alone, so that it is known before anything
 * is built, and stays the same over all deployments.
 *
 * @param environment its name (`pr-1`, `ref-main`) and that of its project
 * @throws config_invalid when the domain is no name, or leaves no room for one in front of it
 */
export function hostsOf(
  manifest: Manifest,
  environment: { readonly name: string; readonly project: string },
  ingress: Ingress,
): ReadonlyMap<string, PublicAddress> {
  const domain = ingress.domain.toLowerCase();
  if (!domain.split(".").every(isLabel) || domain.length > NAME_MAX) {
    throw new GalleyError(
      "config_invalid",
      `${JSON.stringify(ingress.domain)} is not a domain that previews can have names under`,
      { hint: "Give a name such as previews.example.org, without scheme, port or wildcard." },
    );
  }
  const services = publicServices(manifest);
  const several = services.length > 1;
  return new Map(
    services.map(({ name }) => {
      const front = several ? `${labelOf(name, LABEL_MAX)}.` : "";
      const room = Math.min(LABEL_MAX, NAME_MAX - front.length - domain.length - 1);
      if (room <= HASH_LENGTH + 1) {
        throw new GalleyError("config_invalid", `the domain ${domain} is too long to have names under it`, {
          hint: `A name may have ${NAME_MAX} characters in all.`,
        });
      }
      const host = `${front}${environmentLabel(environment, room)}.${domain}`;
      const port = ingress.port === null ? "" : `:${ingress.port}`;
      return [name, { host, url: `${ingress.scheme}://${host}${port}` }] as const;
    }),
  );
}

function environmentLabel({ name, project }: { name: string; project: string }, room: number): string {
  const whole = `${name}-${project}`;
  // `pr-1-` ends where the project's first letter stands; `ref-a` of `b-c` and `ref-a-b` of `c` would be the same.
  const ambiguous = !/^pr-\d+$/.test(name) && project.includes("-");
  return labelOf(whole, room, ambiguous ? `${name} ${project}` : undefined);
}

/**
 * One label of a host name: what it cannot hold becomes a hyphen, and what is too long is cut.
 *
 * @param marked tells apart what would look the same; a label gets a hash of it also when nothing else was changed
 */
function labelOf(text: string, room: number, marked?: string): string {
  const mended = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "");
  if (mended === text && mended.length <= room && isLabel(mended) && marked === undefined) return mended;
  const hash = createHash("sha256")
    .update(marked ?? text)
    .digest("hex")
    .slice(0, HASH_LENGTH);
  const kept = mended.slice(0, room - HASH_LENGTH - 1).replace(/-+$/, "");
  return kept === "" ? `p${hash}`.slice(0, room) : `${kept}-${hash}`;
}

function isLabel(text: string): boolean {
  return text.length <= LABEL_MAX && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text);
}
