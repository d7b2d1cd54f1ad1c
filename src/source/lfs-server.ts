import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { GalleyError } from "../errors/index.js";
import type { AddressGuard } from "./address-guard.js";
import type { Credential, GitOptions } from "./git-options.js";
import { ask, networkError } from "./http-request.js";
import type { LfsPointer } from "./lfs-pointer.js";
import { openRemoteAccess } from "./remote-access.js";
import { withoutSecrets } from "./remote-failure.js";
import type { Remote } from "./remote-url.js";

/** A repository whose LFS objects are asked for. */
export interface LfsRemote {
  readonly remote: Remote;
  readonly credential: Credential | null;
  readonly git: GitOptions;
  /** `lfs.url` of `.lfsconfig`, if the commit has one. */
  readonly configured: string | undefined;
  readonly guard: AddressGuard;
}

/** Where one object can be had. */
export interface LfsDownload {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

const mediaType = "application/vnd.git-lfs+json";
const longestAnswer = 16 * 1024 * 1024;

/**
 * Asks the batch API of a repository's LFS server for objects (git-lfs docs/api/batch.md, transfer `basic`). The credential goes
 * to the repository's own origin and to no other; ssh remotes are asked for an address and a header by
 * `git-lfs-authenticate` (docs/api/server-discovery.md). Returns a download or a refusal by oid. Throws git_auth_failed,
 * git_repository_not_found, git_failed, and what `ask` throws.
 */
export async function askForObjects(
  lfs: LfsRemote,
  pointers: readonly LfsPointer[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LfsDownload | GalleyError>> {
  const { url, headers } = await endpoint(lfs, signal);
  const answer = await ask({
    method: "POST",
    url: new URL(`${url.href.replace(/\/+$/, "")}/objects/batch`),
    headers: { ...headers, accept: mediaType, "content-type": mediaType },
    body: JSON.stringify({
      operation: "download",
      transfers: ["basic"],
      hash_algo: "sha256",
      objects: pointers.map(({ oid, size }) => ({ oid, size })),
    }),
    ...common(lfs),
    signal,
  });
  if (answer.statusCode !== 200) {
    answer.destroy();
    throw refusal(lfs, url, answer.statusCode ?? 0);
  }
  const wanted = new Set(pointers.map(({ oid }) => oid));
  const found = new Map<string, LfsDownload | GalleyError>();
  for (const object of await objectsOf(answer, url)) {
    const { oid, actions, error, authenticated } = object;
    if (typeof oid !== "string" || !wanted.has(oid)) continue;
    const href = actions?.download?.href;
    if (typeof href !== "string" || !URL.canParse(href, url.href)) {
      found.set(oid, missing(lfs, oid, error?.code, error?.message));
      continue;
    }
    const place = new URL(href, url);
    const given = stringValues(actions?.download?.header);
    const bare = authenticated !== true && !Object.keys(given).some((name) => /^authorization$/i.test(name));
    const ours = bare && place.origin === url.origin && headers.authorization !== undefined;
    found.set(oid, {
      url: place,
      headers: ours ? { authorization: headers.authorization ?? "", ...given } : given,
    });
  }
  return found;
}

/** What all requests have in common. */
export function common({ guard, git }: LfsRemote): { guard: AddressGuard; ca?: string } {
  return { guard, ...(git.caFile === undefined ? {} : { ca: readFileSync(git.caFile, "utf8") }) };
}

interface BatchObject {
  readonly oid?: unknown;
  readonly authenticated?: unknown;
  readonly error?: { readonly code?: unknown; readonly message?: unknown };
  readonly actions?: { readonly download?: { readonly href?: unknown; readonly header?: unknown } };
}

async function objectsOf(answer: IncomingMessage, url: URL): Promise<BatchObject[]> {
  let text = "";
  answer.setEncoding("utf8");
  try {
    for await (const piece of answer as AsyncIterable<string>) {
      text += piece;
      if (text.length > longestAnswer) break;
    }
  } catch (error) {
    throw networkError(url, error);
  }
  try {
    const { objects } = JSON.parse(text) as { objects?: unknown };
    if (Array.isArray(objects))
      return objects.filter((object) => typeof object === "object" && object !== null);
  } catch {
    // Said below.
  }
  throw new GalleyError(
    "git_failed",
    `The LFS server at ${url.origin} answered what is no batch of objects.`,
  );
}

function stringValues(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  const pairs = Object.entries(value).filter(
    // What no header may hold would end the process of the request.
    (pair): pair is [string, string] =>
      typeof pair[1] === "string" && /^[\w-]+$/.test(pair[0]) && /^[\t\x20-\x7e]*$/.test(pair[1]),
  );
  return Object.fromEntries(pairs);
}

/** The server's address, and what authorizes there (docs/api/server-discovery.md, authentication.md). */
async function endpoint(
  lfs: LfsRemote,
  signal: AbortSignal,
): Promise<{ url: URL; headers: { authorization?: string } & Record<string, string> }> {
  const { remote, credential, configured } = lfs;
  if (configured !== undefined && /^https?:/i.test(configured) && URL.canParse(configured)) {
    const url = new URL(configured);
    url.username = "";
    url.password = "";
    return { url, headers: basic(remote, credential, url) };
  }
  const path = remote.path.replace(/\/+$/, "").replace(/(\.git)?$/, ".git");
  if (remote.kind === "http") {
    const url = new URL(`${path}/info/lfs`, remote.url);
    return { url, headers: basic(remote, credential, url) };
  }
  const guessed = new URL(`https://${remote.host.includes(":") ? `[${remote.host}]` : remote.host}`);
  guessed.pathname = `${path.startsWith("/") ? "" : "/"}${path}/info/lfs`;
  const told = await authenticateOverSsh(lfs, signal);
  const url = typeof told?.href === "string" && URL.canParse(told.href) ? new URL(told.href) : guessed;
  return { url, headers: stringValues(told?.header) };
}

function basic(remote: Remote, credential: Credential | null, url: URL): { authorization?: string } {
  if (credential?.kind !== "token" || remote.kind !== "http" || new URL(remote.url).origin !== url.origin)
    return {};
  const pair = Buffer.from(`${credential.username}:${credential.token}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}

const run = promisify(execFile);

async function authenticateOverSsh(
  { remote, credential, git }: LfsRemote,
  signal: AbortSignal,
): Promise<{ href?: unknown; header?: unknown } | undefined> {
  const access = await openRemoteAccess(remote, credential, git);
  const place = remote.user === undefined ? remote.host : `${remote.user}@${remote.host}`;
  const port = remote.port === undefined ? [] : ["-p", String(remote.port)];
  const command = `git-lfs-authenticate '${remote.path.replaceAll("'", "'\\''")}' download`;
  try {
    const { stdout } = await run(
      git.ssh ?? "ssh",
      ["-F", access.ssh?.config ?? "none", ...port, "--", place, command],
      {
        env: access.env,
        signal,
        timeout: 60_000,
        maxBuffer: 1024 * 1024,
      },
    );
    return JSON.parse(stdout) as { href?: unknown; header?: unknown };
  } catch {
    // A server without that command: the address that git-lfs would guess is tried, without a credential.
    signal.throwIfAborted();
    return undefined;
  } finally {
    await access.release();
  }
}

function refusal({ remote, credential }: LfsRemote, url: URL, status: number): GalleyError {
  const what = `The LFS server of ${remote.url} (${url.origin})`;
  if (status === 401 || status === 403) {
    const tried = credential === null ? "without a credential" : "with the repository's credential";
    return new GalleyError("git_auth_failed", `${what} refuses us, ${tried} (${status}).`, {
      hint: "The credential needs the permission to read LFS objects: with GitHub's fine-grained tokens that is Contents: read. An LFS server on another host is asked without it.",
    });
  }
  if (status === 404) {
    return new GalleyError("git_repository_not_found", `${what} knows no such repository, or has no LFS.`, {
      hint: "Is LFS switched on for the repository? `lfs.url` in .lfsconfig names another server.",
    });
  }
  if (status === 429 || status >= 500) {
    return new GalleyError("git_unreachable", `${what} cannot serve us now (${status}).`, {
      hint: "Try again later.",
    });
  }
  return new GalleyError("git_failed", `${what} answered with ${status}.`);
}

function missing(
  { remote, credential }: LfsRemote,
  oid: string,
  code: unknown,
  message: unknown,
): GalleyError {
  const said = typeof message === "string" ? `: ${withoutSecrets(message, credential).slice(0, 200)}` : "";
  return new GalleyError(
    code === 403 || code === 401 ? "git_auth_failed" : "git_failed",
    `The LFS server of ${remote.url} does not give object ${oid.slice(0, 12)}${said}.`,
    { hint: "Was the object pushed? `git lfs push --all` in a clone that has it sends what is missing." },
  );
}
