import { connect, type Socket } from "node:net";
import { abortAfter, GalleyError } from "../errors/index.js";
import { type FetchProgress, parseProgress } from "./fetch-progress.js";
import type { Credential, GitOptions } from "./git-options.js";
import { type GitOutcome, runGit } from "./git-run.js";
import { bytesArriving } from "./mirror-directory.js";
import { defaultConnectTimeoutMs, openRemoteAccess } from "./remote-access.js";
import { noConnection, type RemoteFailure, remoteFailure, tookTooLong } from "./remote-failure.js";
import type { Remote } from "./remote-url.js";

export interface RemoteGit {
  readonly remote: Remote;
  readonly credential: Credential | null;
  readonly options: GitOptions;
}

export interface FetchInto {
  /** The bare repository that is fetched into. */
  readonly path: string;
  /** `+from:to`; for a commit its id is the left side. */
  readonly refspecs: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
  readonly onStart?: (pid: number) => void;
}

const defaultTimeoutMs = 900_000;
const defaultMaxBytes = 20 * 2 ** 30;
const measureMs = 500;

/**
 * Fetches into a bare repository, and nothing else: no tags that were not asked for, no submodules, no maintenance. Returns
 * what failed, or undefined. Throws the signal's reason, `git_timeout`, and `git_failed` for more bytes than are allowed.
 */
export async function fetchInto(git: RemoteGit, into: FetchInto): Promise<RemoteFailure | undefined> {
  const { path, refspecs, onProgress, onStart } = into;
  const maxBytes = git.options.maxBytes ?? defaultMaxBytes;
  const names = refspecs.map((refspec) => refspec.replace(/^\+/, "").split(":")[0] ?? "");
  const shown =
    names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  const doing = `fetching ${shown}`;
  const tooLarge = new AbortController();
  const measure = setInterval(() => {
    bytesArriving(path).then(
      (bytes) => bytes > maxBytes && tooLarge.abort(tooMany(git.remote, maxBytes)),
      () => {},
    );
  }, measureMs);
  try {
    const outcome = await talk(git, doing, AbortSignal.any([into.signal, tooLarge.signal]), {
      args: [
        `--git-dir=${path}`,
        ...["fetch", "--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"],
        ...["--no-auto-maintenance", "--no-show-forced-updates", "--stdin", git.remote.url],
      ],
      stdin: refspecs.map((refspec) => `${refspec}\n`).join(""),
      onLine: (line) => {
        const progress = onProgress && parseProgress(line);
        if (progress) onProgress(progress);
      },
      ...(onStart ? { onStart } : {}),
    });
    if (outcome.code === 0) return undefined;
    return remoteFailure({ ...git, doing, stderr: outcome.stderr, code: outcome.code });
  } finally {
    clearInterval(measure);
  }
}

/** Names and ids of a server's refs; `patterns` as `git ls-remote` has them. Throws like `fetchInto`, and what failed. */
export async function listRemoteRefs(
  git: RemoteGit,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  return await list(git, ["--quiet", git.remote.url, ...patterns], signal);
}

/**
 * Ids of what branches and tags stand for. A server sends no other refs then, where it can choose: those of pull requests may be ten
 * thousand. Throws like `listRemoteRefs`.
 */
export async function listRemoteTips(git: RemoteGit, signal: AbortSignal): Promise<ReadonlySet<string>> {
  return new Set((await list(git, ["--quiet", "--heads", "--tags", git.remote.url], signal)).values());
}

async function list(
  git: RemoteGit,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const doing = "listing refs";
  const outcome = await talk(git, doing, signal, { args: ["ls-remote", ...args] });
  if (outcome.code !== 0) {
    throw remoteFailure({ ...git, doing, stderr: outcome.stderr, code: outcome.code }).error;
  }
  const refs = new Map<string, string>();
  for (const line of outcome.stdout.split("\n")) {
    const found = /^([0-9a-f]{40,64})\t(\S+)$/.exec(line);
    if (found !== null) refs.set(found[2] ?? "", found[1] ?? "");
  }
  return refs;
}

interface Talk {
  readonly args: readonly string[];
  readonly stdin?: string;
  readonly onLine?: (line: string) => void;
  readonly onStart?: (pid: number) => void;
}

async function talk(git: RemoteGit, doing: string, signal: AbortSignal, run: Talk): Promise<GitOutcome> {
  const ms = git.options.timeoutMs ?? defaultTimeoutMs;
  const deadline = abortAfter(ms);
  const access = await openRemoteAccess(git.remote, git.credential, git.options);
  const unreached = new AbortController();
  const connectMs = git.options.connectTimeoutMs ?? defaultConnectTimeoutMs;
  const watch = watchSilence(git.remote, access.env, connectMs, () =>
    unreached.abort(noConnection({ remote: git.remote, doing }, connectMs)),
  );
  try {
    return await runGit({
      ...run,
      env: access.env,
      signal: AbortSignal.any([signal, deadline, unreached.signal]),
      onLine: (line) => {
        watch.end();
        run.onLine?.(line);
      },
    });
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) throw tookTooLong({ remote: git.remote, doing }, ms);
    throw error;
  } finally {
    watch.end();
    await access.release();
  }
}

/**
 * git waits five minutes for a host that drops what it is sent, and has no setting for that over http (ssh has). When it has
 * been silent for half of the time, a connection of our own finds out whether the host takes any.
 */
function watchSilence(
  { kind, host, port, protocol }: Remote,
  env: Readonly<Record<string, string>>,
  ms: number,
  onUnreachable: () => void,
): { end(): void } {
  // Through a proxy only the proxy knows.
  if (kind !== "http" || Object.keys(env).some((name) => /^(https?|all)_proxy$/i.test(name)))
    return { end: () => {} };
  let socket: Socket | undefined;
  const timer = setTimeout(() => {
    socket = connect({ host, port: port ?? (protocol === "https" ? 443 : 80), timeout: ms / 2 });
    socket.once("timeout", onUnreachable);
    socket.once("connect", () => socket?.destroy());
    socket.once("error", () => {
      // git hears of that itself.
    });
  }, ms / 2);
  return {
    end: () => {
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}

function tooMany(remote: Remote, maxBytes: number): GalleyError {
  return new GalleyError(
    "git_failed",
    `${remote.url} sends more than ${Math.round(maxBytes / 2 ** 20)} MiB.`,
    {
      hint: "Is this the repository that was meant? The limit is a setting of the agent.",
    },
  );
}
