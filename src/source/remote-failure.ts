import { GalleyError } from "../errors/index.js";
import type { Credential } from "./git-options.js";
import type { Remote } from "./remote-url.js";

/** What is to be done about a talk with a server that failed. */
export type FailureKind =
  /** Our own copy is at fault. */
  | "damaged"
  /** A commit cannot be had by its id. */
  | "unadvertised"
  /** A lock file was left behind, or two refs cannot be there together. */
  | "refs-in-the-way"
  /** The remote names its objects by SHA-256. */
  | "object-format"
  | "missing-ref"
  | "other";

export interface RemoteFailure {
  readonly kind: FailureKind;
  readonly error: GalleyError;
  /** Of `missing-ref`: which one. */
  readonly ref?: string;
}

export interface FailedTalk {
  readonly remote: Remote;
  readonly credential: Credential | null;
  /** For the message: "fetching refs/pull/7/head". */
  readonly doing: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** What git and ssh say, in the C locale, and what it means. The first that fits counts. */
const patterns: readonly [RegExp, (talk: FailedTalk, words: string) => GalleyError][] = [
  [
    /could not resolve (host|proxy)|temporary failure in name resolution|name or service not known/i,
    hostUnknown,
  ],
  [/\bssh'?[^\n]*: (command )?not found|cannot run ssh/i, sshMissing],
  [/host key verification failed|host key is known for|host identification has changed/i, hostKeyUnknown],
  [/server certificate verification failed|ssl certificate problem|certificate verify failed/i, certificate],
  [/transport '[^']*' not allowed|protocol '[^']*' not supported|following an? unsupported/i, redirected],
  [
    /permission denied \(|load key "|authentication failed|could not read (username|password)|access denied|returned error: 40[13]|no supported authentication|too many authentication/i,
    authFailed,
  ],
  [
    /repository( '[^']*')? (not found|does not exist)|does not appear to be a git repository|project you were looking for|returned error: 404|no such project/i,
    notFound,
  ],
  [/operation too slow|timed out after|timeout, server/i, timeout],
  [
    /couldn't connect|failed to connect|connection (refused|timed out|reset|closed)|no route to host|network is unreachable|port \d+: |returned error: 5\d\d|returned error: 429|empty reply|gnutls|ssl_|tls|early eof|unexpected disconnect|hung up unexpectedly|rpc failed|unable to access/i,
    unreachable,
  ],
];

/** Reads what a git that talked to a server left behind. The error names the repository, what was tried and what to do. */
export function remoteFailure(talk: FailedTalk): RemoteFailure {
  const words = withoutSecrets(talk.stderr, talk.credential);
  // Of a commit: the server knows no such object, by whatever name.
  const missing = /couldn't find remote ref (\S+)|not our ref ([0-9a-f]{40,64})/i
    .exec(words)
    ?.slice(1)
    .find(Boolean);
  if (missing !== undefined)
    return { kind: "missing-ref", ref: missing, error: noSuchRef(talk.remote, missing) };
  const other = (kind: FailureKind) => ({ kind, error: failed(talk, words) });
  if (/no space left on device|disk quota exceeded/i.test(words))
    return { kind: "other", error: diskFull(talk) };
  if (/unadvertised object/i.test(words)) return other("unadvertised");
  if (/mismatched algorithms|object format/i.test(words)) return other("object-format");
  for (const [pattern, make] of patterns) {
    if (pattern.test(words)) return { kind: "other", error: make(talk, words) };
  }
  if (/\.lock': File exists|cannot lock ref|exists; cannot create|unable to update local ref/i.test(words)) {
    return other("refs-in-the-way");
  }
  if (/fsck error|fsck failed|error in (object|packed)|\.gitmodules/i.test(words)) {
    return { kind: "other", error: hostile(talk, words) };
  }
  const damage =
    /bad object|missing (blob|tree|commit)|corrupt|did not send all necessary|unable to read|loose object|index file|packfile|unresolved deltas|inflate|not a git repository|bad (sha1|signature)|object file .* is empty/i;
  return other(damage.test(words) ? "damaged" : "other");
}

/** When nothing was heard in time. */
export function tookTooLong(
  { remote, doing }: Pick<FailedTalk, "remote" | "doing">,
  ms: number,
): GalleyError {
  return new GalleyError(
    "git_timeout",
    `${remote.url} took longer than ${Math.round(ms / 1000)} s: ${doing} was given up.`,
    {
      hint: "Is the server slow, or the repository very large? What was fetched so far is not kept.",
    },
  );
}

/** When nobody takes a connection. */
export function noConnection(
  { remote, doing }: Pick<FailedTalk, "remote" | "doing">,
  ms: number,
): GalleyError {
  const message = `${remote.url} cannot be reached: its host took no connection for ${Math.round(ms / 1000)} s (${doing}).`;
  return new GalleyError("git_unreachable", message, {
    hint: "Is the server up, and reachable from the machine where the agent runs (firewall, proxy)?",
  });
}

export function noSuchRef(remote: Remote, ref: string): GalleyError {
  const change = /^refs\/(pull|merge-requests)\/(\d+)\//.exec(ref);
  return new GalleyError("git_ref_not_found", `${remote.url} has no ${ref}.`, {
    hint: change
      ? `Is there a pull request ${change[2]}? Some servers remove its ref when it is closed.`
      : "Was the branch deleted or renamed, or the commit replaced by a forced push?",
  });
}

function authFailed({ remote, credential, doing }: FailedTalk, words: string): GalleyError {
  const options = { hint: permissionHint(remote, credential), cause: undefined };
  if (remote.kind === "ssh") {
    const unusable = /load key "[^"]*": (.*)/i.exec(words)?.[1];
    if (unusable !== undefined) {
      return new GalleyError(
        "git_auth_failed",
        `The ssh key for ${remote.url} cannot be used (${unusable}).`,
        {
          hint: "Give a private key in OpenSSH or PEM form that has no passphrase.",
        },
      );
    }
    const tried = credential === null ? "without a key" : "with the given ssh key";
    return new GalleyError(
      "git_auth_failed",
      `${remote.url} refuses us: ${doing} was tried ${tried}.`,
      options,
    );
  }
  const tried = credential === null ? "without a credential" : "with the given token";
  const forbidden = /returned error: 403/.test(words) ? " (403: known, but not allowed)" : "";
  return new GalleyError(
    "git_auth_failed",
    `${remote.url} refuses us: ${doing} was tried ${tried}${forbidden}.`,
    options,
  );
}

function notFound({ remote, credential, doing }: FailedTalk): GalleyError {
  const seen = credential === null ? "without a credential" : "with the given credential";
  return new GalleyError(
    "git_repository_not_found",
    `There is no repository at ${remote.url}: ${doing} was tried ${seen}.`,
    {
      hint: `Check the address. Forges say the same of repositories that one may not see: ${permissionHint(remote, credential)}`,
    },
  );
}

/** Which permission the forge of that name wants to see. */
function permissionHint({ kind, host }: Remote, credential: Credential | null): string {
  if (kind === "ssh") {
    return credential === null
      ? "Give the private part of a deploy key with read access to this repository."
      : "Add the key's public part to this repository as a deploy key with read access, and check that it is this repository's: a forge takes a deploy key for one repository only.";
  }
  const given =
    credential === null
      ? "Give a credential"
      : "Check that the token is not expired or revoked, and that it is one";
  if (host === "github.com" || host.endsWith(".ghe.com")) {
    return `${given} that may read: a fine-grained token with "Contents: read" for this repository, or a classic one with "repo". Tokens for organisations with single sign-on have to be authorised for it.`;
  }
  if (host === "gitlab.com" || host.includes("gitlab")) {
    return `${given} that may read: a project or personal access token with "read_repository", of a role that may see the code.`;
  }
  if (host === "bitbucket.org") {
    return `${given} that may read: a repository access token with "Repositories: read" (its user name is x-token-auth).`;
  }
  return `${given} that may read this repository's code.`;
}

function sshMissing({ remote }: FailedTalk): GalleyError {
  return new GalleyError("git_missing", `${remote.url} is read over ssh, and there is no ssh here.`, {
    hint: "Install OpenSSH's client where the agent runs (Debian: openssh-client), or give the repository's https address.",
  });
}

function hostUnknown({ remote }: FailedTalk): GalleyError {
  return new GalleyError("git_host_unknown", `The host ${remote.host} of ${remote.url} cannot be resolved.`, {
    hint: "Check the host's name, and the DNS of the machine where the agent runs.",
  });
}

function hostKeyUnknown({ remote, credential }: FailedTalk, words: string): GalleyError {
  const changed = /has changed/i.test(words);
  const at = remote.port === undefined ? remote.host : `[${remote.host}]:${remote.port}`;
  const given = credential?.kind === "ssh" && credential.knownHosts !== null;
  return new GalleyError(
    "git_host_key_unknown",
    changed
      ? `The host ${at} shows another key than the known one; ${remote.url} was not read.`
      : `The key of the host ${at} is not known; ${remote.url} was not read.`,
    {
      hint: changed
        ? "Was the server set up anew? Ask its operator for its key; if it is right, replace the line in the credential's known hosts."
        : `${given ? "Add" : "Give the credential known hosts with"} the line that \`ssh-keyscan ${remote.port === undefined ? "" : `-p ${remote.port} `}${remote.host}\` prints, after comparing it with what the operator publishes.`,
    },
  );
}

function certificate({ remote }: FailedTalk): GalleyError {
  return new GalleyError(
    "git_unreachable",
    `The certificate of ${remote.host} is not trusted; ${remote.url} was not read.`,
    {
      hint: "Add the authority's certificate to the machine where the agent runs, or name it in SSL_CERT_FILE.",
    },
  );
}

function redirected({ remote }: FailedTalk): GalleyError {
  return new GalleyError("git_failed", `${remote.url} leads to a protocol that is not allowed.`, {
    hint: "Give the address that it redirects to.",
  });
}

function unreachable({ remote, doing }: FailedTalk, words: string): GalleyError {
  return new GalleyError(
    "git_unreachable",
    `${remote.url} cannot be reached: ${doing} ended with "${lastLine(words)}".`,
    {
      hint: "Is the server up, and reachable from the machine where the agent runs (firewall, proxy)?",
    },
  );
}

function timeout({ remote, doing }: FailedTalk): GalleyError {
  return new GalleyError("git_timeout", `${remote.url} stopped sending: ${doing} was given up.`, {
    hint: "Is the server overloaded, or the network between slow? Try again.",
  });
}

function diskFull({ doing }: FailedTalk): GalleyError {
  return new GalleyError("git_failed", `The disk of the data directory is full: ${doing} was given up.`, {
    hint: "Free space there; mirrors that nobody needs may be deleted, they are fetched again.",
  });
}

function hostile({ remote, doing }: FailedTalk, words: string): GalleyError {
  return new GalleyError(
    "git_failed",
    `${remote.url} holds objects that are not taken: ${doing} ended with "${lastLine(words)}".`,
    {
      hint: "git fsck in a clone names them.",
    },
  );
}

function failed({ remote, doing, code }: FailedTalk, words: string): GalleyError {
  const said = lastLine(words) || `exit code ${code}`;
  return new GalleyError("git_failed", `${remote.url}: ${doing} ended with "${said}".`);
}

/** The line that says it: git's own words come last, but for "and the repository exists" and the like. */
function lastLine(words: string): string {
  const lines = words.split("\n").filter((line) => /^(fatal|error|ssh|remote): /.test(line));
  return (lines.at(-1) ?? words.split("\n").at(-1) ?? "").slice(0, 400);
}

/** Nothing that git is given should come back in what it says; should it do so after all, it ends here. */
export function withoutSecrets(text: string, credential: Credential | null): string {
  let clean = text.replace(/([a-z][\w+.-]*:\/\/)[^/@\s]+@/gi, "$1");
  if (credential?.kind === "token" && credential.token !== "") {
    const pair = Buffer.from(`${credential.username}:${credential.token}`).toString("base64");
    for (const secret of [credential.token, encodeURIComponent(credential.token), pair]) {
      clean = clean.replaceAll(secret, "***");
    }
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a server's words must not move a terminal's cursor
  return clean.replace(/\u001b\[[\d;?]*[ -/]*[@-~]|[\u0000-\u0009\u000b-\u001f\u007f]/g, "");
}
