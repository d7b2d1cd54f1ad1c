import { GalleyError } from "../errors/index.js";
import type { Credential, GitOptions } from "./git-options.js";
import type { Remote } from "./remote-url.js";
import { type SshFiles, writeSshFiles } from "./ssh-files.js";

/** What a git needs to talk to one server, and nothing more. */
export interface RemoteAccess {
  readonly env: Readonly<Record<string, string>>;
  /** The ssh configuration, where there is one. */
  readonly ssh: SshFiles | undefined;
  /** Removes what was written. */
  release(): Promise<void>;
}

export const defaultConnectTimeoutMs = 20_000;

/** What is handed on of our own environment. Everything else, secrets of the agent above all, stays here. */
const handedOn = /^(PATH|TMPDIR|SSL_CERT_(FILE|DIR)|(https?|all|no)_proxy)$/i;

/**
 * Objects are checked as they arrive. These are faults of old tools that real histories are full of and that harm nobody; names
 * and modes that could lead out of a tree, and hostile .gitmodules, stay errors (fsck.<msg-id> in git-config(1)).
 */
const harmless = [
  "badDateOverflow",
  "badEmail",
  "badFilemode",
  "badName",
  "badTimezone",
  "missingEmail",
  "missingNameBeforeEmail",
  "missingSpaceBeforeDate",
  "missingSpaceBeforeEmail",
  "missingTaggerEntry",
  "multipleAuthors",
  "nulInCommit",
  "unknownType",
  "zeroPaddedDate",
  "zeroPaddedFilemode",
];

/** Of no remote at all: for commands that only look at what is here. */
export function plainEnvironment(options: GitOptions): Record<string, string> {
  return environment(options, "", {});
}

/**
 * Makes the environment of a git that may talk to this remote alone. Nobody's configuration is read; no hook runs; nothing
 * asks a person. The credential goes by the environment: for http it is handed out by a credential helper that exists for
 * this one origin, so that a redirect to another host gets nothing (a header by `http.extraHeader` would follow); for ssh it
 * lies in files that only we can read, in memory where there is a /dev/shm, and are removed by `release`.
 *
 * Throws `git_auth_failed` for a credential that does not fit the address.
 */
export async function openRemoteAccess(
  remote: Remote,
  credential: Credential | null,
  options: GitOptions,
): Promise<RemoteAccess> {
  const config: Record<string, string> = {};
  const variables: Record<string, string> = {};
  let files: SshFiles | undefined;
  if (credential !== null && remote.kind !== "file") checkFit(remote, credential);
  if (remote.kind === "http") {
    if (options.caFile !== undefined) config["http.sslCAInfo"] = options.caFile;
    if (credential?.kind === "token") {
      for (const value of [credential.username, credential.token]) checkValue(value);
      config[`credential.${new URL(remote.url).origin}.helper`] = helper;
      variables.GALLEY_GIT_USERNAME = credential.username;
      variables.GALLEY_GIT_PASSWORD = credential.token;
    }
  }
  if (remote.kind === "ssh") {
    files = await writeSshFiles(
      credential?.kind === "ssh" ? credential : null,
      options.connectTimeoutMs ?? defaultConnectTimeoutMs,
    );
    variables.GIT_SSH_COMMAND = `${quoted(options.ssh ?? "ssh")} -F ${quoted(files.config)}`;
    variables.GIT_SSH_VARIANT = "ssh";
  }
  // A server asks who owns what it serves; here that is for the one who allowed files to say.
  if (remote.kind === "file") config["safe.directory"] = "*";
  const protocols = remote.protocol === "http" ? "http:https" : remote.protocol;
  return {
    env: { ...environment(options, protocols, config), ...variables },
    ssh: files,
    release: async () => files?.remove(),
  };
}

/** Runs in a shell; the secrets are variables there, so that no command line ever holds them. */
const helper =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$GALLEY_GIT_USERNAME" "$GALLEY_GIT_PASSWORD"; }; f';

function environment(
  options: GitOptions,
  protocols: string,
  extra: Readonly<Record<string, string>>,
): Record<string, string> {
  const config: Record<string, string> = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "fetch.fsckObjects": "true",
    // Packs appear whole or not at all; loose objects of an interrupted fetch do not.
    "fetch.unpackLimit": "1",
    "http.followRedirects": "initial",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": "120",
    "protocol.version": "2",
    "submodule.recurse": "false",
    ...Object.fromEntries(harmless.map((name) => [`fetch.fsck.${name}`, "ignore"])),
    ...extra,
  };
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] => handedOn.test(entry[0]) && entry[1] !== undefined,
  );
  const env: Record<string, string> = {
    ...Object.fromEntries(kept),
    ...options.env,
    // Nobody's .netrc, .ssh or .config.
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_ALLOW_PROTOCOL: protocols,
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    SSH_ASKPASS_REQUIRE: "never",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_NO_LAZY_FETCH: "1",
    GIT_CONFIG_COUNT: String(Object.keys(config).length),
  };
  for (const [at, [key, value]] of Object.entries(config).entries()) {
    env[`GIT_CONFIG_KEY_${at}`] = key;
    env[`GIT_CONFIG_VALUE_${at}`] = value;
  }
  return env;
}

function checkFit(remote: Remote, credential: Credential): void {
  if (credential.kind === "token" && remote.kind === "ssh") {
    throw new GalleyError(
      "git_auth_failed",
      `${remote.url} is read over ssh, and the credential is a token.`,
      {
        hint: "Give the repository's https address, or a deploy key as its credential.",
      },
    );
  }
  if (credential.kind === "ssh" && remote.kind === "http") {
    throw new GalleyError(
      "git_auth_failed",
      `${remote.url} is read over ${remote.protocol}, and the credential is an ssh key.`,
      { hint: "Give the repository's ssh address, or a token as its credential." },
    );
  }
}

/** The protocol of credential helpers is made of lines. */
function checkValue(value: string): void {
  if (/[\0\r\n]/.test(value)) {
    throw new GalleyError("git_auth_failed", "The repository's credential holds a line break.", {
      hint: "Enter the token again, without anything before or behind it.",
    });
  }
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
