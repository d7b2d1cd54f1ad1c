import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GalleyError, withDeadline } from "../errors/index.js";
import type { FetchProgress } from "./fetch-progress.js";
import { FetchQueue, type FetchResults } from "./fetch-queue.js";
import type { Credential, GitOptions, SourceLog } from "./git-options.js";
import {
  isWhole,
  type MirrorPlaces,
  markDamaged,
  mirrorPlaces,
  newPlace,
  packCount,
  putInPlace,
  removeLeftovers,
  removeStaleLocks,
} from "./mirror-directory.js";
import { lockMirror } from "./mirror-lock.js";
import { commitsOf, initBare, isNotedOwn, leadsTo, localRefs, noteOwn, tidy } from "./mirror-repository.js";
import { update, type Wanted, type Work } from "./mirror-update.js";
import { checkedPattern, checkedRef, checkedRemoteRef, commitRef, isCommitId } from "./ref-names.js";
import { noSuchRef } from "./remote-failure.js";
import { listRemoteRefs, listRemoteTips, type RemoteGit } from "./remote-git.js";
import { parseRemote, type Remote } from "./remote-url.js";

export interface MirrorOptions {
  /** The directory of all mirrors: `$GALLEY_DATA_DIR/repos`. */
  readonly root: string;
  /** Names the repository on disk: `<root>/<repoKey>.git`. */
  readonly repoKey: string;
  /** Without user or password. */
  readonly url: string;
  readonly credential: Credential | null;
  readonly git?: GitOptions;
  readonly log?: SourceLog;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** A bare repository on disk that follows one elsewhere. */
export interface Mirror {
  /** The bare repository. Its objects may be read at any time, while a fetch runs, too. */
  readonly path: string;
  readonly remote: Remote;
  readonly credential: Credential | null;
  readonly git: GitOptions;
  readonly log: SourceLog;
  /**
   * Brings these refs up to date and says which commits they are: `refs/pull/7/head`, `refs/merge-requests/7/head`, any
   * other full ref, a tag or branch by its short name (a tag first, as git has it), `HEAD`, or a full commit id, which costs
   * nothing when it is here already. Only what is missing is sent. Fetches of one mirror share the work (`FetchQueue`); other
   * processes of the host wait for each other. A mirror that is not there, half made, or found to be damaged is made anew.
   *
   * Throws `GalleyError`: git_auth_failed, git_repository_not_found, git_ref_not_found, git_host_unknown,
   * git_host_key_unknown, git_unreachable, git_timeout, git_failed, git_missing; the signal's reason.
   */
  fetch(refs: readonly string[], options: FetchOptions): Promise<ReadonlyMap<string, string>>;
  /** Refs of the remote with their ids, all or those that match `git ls-remote` patterns. Throws like `fetch`. */
  listRefs(options: {
    readonly signal: AbortSignal;
    readonly patterns?: readonly string[];
  }): Promise<ReadonlyMap<string, string>>;
  /**
   * Begins to find out whether a commit that is being fetched is the repository's own: one of its branches or tags stands for it, or for
   * one after it that is here, or did so when this was asked before. What only pull requests lead to, or a server gives by its id alone,
   * may come from anybody's fork. The remote is asked at once, beside the fetch, and only where that is needed.
   *
   * The answer is asked for when the commit is here. Throws like `fetch`.
   */
  ownership(options: {
    readonly signal: AbortSignal;
    /** It is known already. */
    readonly commit: string | null;
  }): (commit: string) => Promise<boolean>;
  /** The commit that a name stands for in what was fetched. Throws `git_ref_not_found`. */
  resolve(ref: string, options: { readonly signal: AbortSignal }): Promise<string>;
  /** Makes the mirror anew, with all refs that it had and these commits. Throws like `fetch`. */
  renew(commits: readonly string[], options: FetchOptions): Promise<void>;
  /** Says that objects are missing or damaged: the next fetch makes the mirror anew. */
  reportDamage(): Promise<void>;
  /**
   * The mirror of a repository that this one names: it lies inside this one and is shared with no other.
   *
   * @param apart what a credential has brought is not there
   */
  inner(url: string, credential: Credential | null, apart?: boolean): Mirror;
  /** Ends what is done in the background. Fetches end by their own signals. */
  close(): Promise<void>;
}

/** Opens a mirror; nothing happens on disk before the first fetch. Throws `config_invalid` for a bad address or key. */
export function openMirror(options: MirrorOptions): Mirror {
  return new BareMirror(options);
}

const silent: SourceLog = { info: () => {}, warn: () => {} };
/** More packs than this are put together. */
const mostPacks = 24;
const tidyMs = 300_000;
/** For the names of branches and tags. */
const listMs = 60_000;
const mostKnownRefs = 2000;

class BareMirror implements Mirror {
  readonly remote: Remote;
  readonly credential: Credential | null;
  readonly git: GitOptions;
  readonly log: SourceLog;
  private readonly places: MirrorPlaces;
  private readonly queue: FetchQueue;
  private readonly insides = new Map<string, Mirror>();
  private tidying: { done: Promise<void>; abort: AbortController } | undefined;

  constructor({ root, repoKey, url, credential, git = {}, log = silent }: MirrorOptions) {
    this.places = mirrorPlaces(root, repoKey);
    this.remote = parseRemote(url, git.allowFile ?? false);
    this.credential = credential;
    this.git = git;
    this.log = log;
    this.queue = new FetchQueue((refs, signal, onProgress) => this.run(refs, signal, onProgress));
  }

  get path(): string {
    return this.places.path;
  }

  async fetch(
    refs: readonly string[],
    { signal, onProgress }: FetchOptions,
  ): Promise<ReadonlyMap<string, string>> {
    for (const ref of refs) checkedRemoteRef(ref);
    return await this.queue.add(refs, signal, onProgress);
  }

  async listRefs({
    signal,
    patterns = [],
  }: {
    readonly signal: AbortSignal;
    readonly patterns?: readonly string[];
  }): Promise<ReadonlyMap<string, string>> {
    return await listRemoteRefs(this.talk, patterns.map(checkedPattern), signal);
  }

  ownership({
    signal,
    commit: known,
  }: {
    readonly signal: AbortSignal;
    readonly commit: string | null;
  }): (commit: string) => Promise<boolean> {
    const noted = async (commit: string) =>
      (await isWhole(this.path)) && (await isNotedOwn(this.path, commit, signal));
    const list = () => listRemoteTips(this.talk, withDeadline(signal, listMs));
    const early = (async () => (known !== null && (await noted(known)) ? undefined : await list()))();
    early.catch(() => {}); // the fetch may fail before anybody asks
    return async (commit) => {
      const tips = await early.catch(async (error: unknown) => {
        if (await noted(commit)) return undefined;
        throw error;
      });
      if (tips === undefined) return true;
      if (!tips.has(commit)) {
        if (await noted(commit)) return true;
        // A push between the list and the fetch moves the branch, too.
        const own =
          (await leadsTo(this.path, tips, commit, this.git, signal)) ||
          (await leadsTo(this.path, await list(), commit, this.git, signal));
        if (!own) return false;
      }
      await noteOwn(this.path, commit, this.git, signal);
      return true;
    };
  }

  async resolve(ref: string, { signal }: { readonly signal: AbortSignal }): Promise<string> {
    const name = ref === "HEAD" ? headTarget : checkedRef(ref);
    const [commit] = (await isWhole(this.path)) ? await commitsOf(this.path, [name], signal) : [];
    if (commit === undefined) throw noSuchRef(this.remote, ref);
    return commit;
  }

  async renew(commits: readonly string[], options: FetchOptions): Promise<void> {
    await this.reportDamage();
    const missing = commits.length > 0 ? commits : ["HEAD"];
    await this.fetch(missing, options);
  }

  async reportDamage(): Promise<void> {
    this.log.warn({ repository: this.remote.url }, "the mirror is damaged and will be made anew");
    await markDamaged(this.path);
  }

  inner(url: string, credential: Credential | null, apart = false): Mirror {
    const name =
      url
        .replace(/(\.git)?\/*$/, "")
        .split(/[/:]/)
        .at(-1) ?? "";
    const id = createHash("sha256")
      .update(JSON.stringify([url, credential, apart]))
      .digest("hex");
    const place = apart ? `apart ${url}` : url;
    const digest = createHash("sha256").update(place).digest("hex").slice(0, 12);
    const slug = name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 40);
    const known = this.insides.get(id);
    if (known !== undefined) return known;
    const mirror = new BareMirror({
      root: join(this.path, "modules"),
      repoKey: `${slug || "module"}-${digest}`,
      url,
      credential,
      git: this.git,
      log: this.log,
    });
    this.insides.set(id, mirror);
    return mirror;
  }

  async close(): Promise<void> {
    await this.endTidying();
    for (const mirror of this.insides.values()) await mirror.close();
  }

  private get talk(): RemoteGit {
    return { remote: this.remote, credential: this.credential, options: this.git };
  }

  private async run(
    refs: readonly string[],
    signal: AbortSignal,
    onProgress: (progress: FetchProgress) => void,
  ): Promise<FetchResults> {
    await this.endTidying();
    const results = new Map<string, string | GalleyError>();
    const wanted = await this.locate(refs, results, signal);
    if (wanted.length === 0) return results;
    onProgress({ phase: "waiting", done: 0, total: 0, bytes: undefined });
    const lock = await lockMirror(this.places.lock, signal);
    try {
      if (lock.inherited) await removeStaleLocks(this.path);
      await removeLeftovers(this.places);
      const work: Work = { wanted, results, signal, onProgress, lock };
      if (!(await isWhole(this.path)) || (await update(this.talk, this.path, work))) await this.make(work);
      const commits = await commitsOf(
        this.path,
        wanted.map(({ target }) => target),
        signal,
      );
      for (const [at, { ref }] of wanted.entries()) {
        if (!results.has(ref)) results.set(ref, commits[at] ?? noSuchRef(this.remote, ref));
      }
    } finally {
      await lock.release();
    }
    if ((await packCount(this.path)) > mostPacks) this.startTidying();
    return results;
  }

  /** Finds out what the remote calls the refs. Those that need no fetch, or do not exist, have their results then. */
  private async locate(
    refs: readonly string[],
    results: Map<string, string | GalleyError>,
    signal: AbortSignal,
  ): Promise<Wanted[]> {
    const wanted: Wanted[] = [];
    const ids = refs.filter(isCommitId);
    const here =
      ids.length > 0 && (await isWhole(this.path))
        ? await commitsOf(this.path, ids, signal).catch(() => [])
        : [];
    signal.throwIfAborted();
    for (const [at, id] of ids.entries()) {
      if (here[at] === id) results.set(id, id);
      else wanted.push({ ref: id, source: id, target: commitRef(id) });
    }
    const short: string[] = [];
    for (const ref of refs) {
      if (isCommitId(ref)) continue;
      if (ref === "HEAD") wanted.push({ ref, source: "HEAD", target: headTarget });
      else if (ref.startsWith("refs/")) wanted.push({ ref, source: ref, target: ref });
      else short.push(ref);
    }
    if (short.length === 0) return wanted;
    const candidates = (ref: string) => [`refs/tags/${ref}`, `refs/heads/${ref}`, `refs/${ref}`];
    const there = await listRemoteRefs(this.talk, short.flatMap(candidates), signal);
    for (const ref of short) {
      const full = candidates(ref).find((name) => there.has(name));
      if (full === undefined) results.set(ref, noSuchRef(this.remote, ref));
      else wanted.push({ ref, source: full, target: full });
    }
    return wanted;
  }

  /** Makes the mirror from nothing, beside the old one, and exchanges them when it is whole. */
  private async make(work: Work): Promise<void> {
    const { signal } = work;
    const known = await this.knownRefs(work);
    const wanted = [...work.wanted, ...known.map((name) => ({ ref: name, source: name, target: name }))];
    // What had a result is fetched again: its objects were in what is thrown away.
    const results = new Map<string, string | GalleyError>();
    const path = await newPlace(this.places);
    try {
      await initBare(path, "sha1", this.git, signal);
      let failure = await update(this.talk, path, { ...work, wanted, results });
      if (failure?.kind === "object-format") {
        await rm(path, { recursive: true, force: true });
        await initBare(path, "sha256", this.git, signal);
        failure = await update(this.talk, path, { ...work, wanted, results });
      }
      if (failure !== undefined) {
        throw new GalleyError(
          "git_failed",
          `${this.remote.url} sends objects that are damaged or incomplete.`,
          {
            hint: "Run git fsck in the repository on the server.",
            cause: failure.error,
          },
        );
      }
      await putInPlace(path, this.places);
    } catch (error) {
      await rm(path, { recursive: true, force: true });
      throw error;
    }
    for (const { ref } of work.wanted) {
      const result = results.get(ref);
      if (result !== undefined) work.results.set(ref, result);
    }
    await removeLeftovers(this.places);
    this.log.info({ repository: this.remote.url, refs: wanted.length }, "made a mirror");
  }

  /** Refs of the mirror that is being replaced which the remote still has: others may be building from them. */
  private async knownRefs({ wanted, signal }: Work): Promise<string[]> {
    const had = (await localRefs(this.path, this.git, signal)).slice(0, mostKnownRefs);
    const targets = new Set(wanted.map(({ target }) => target));
    const known = had.filter((name) => /^refs\/(?!commits\/|galley\/)/.test(name) && !targets.has(name));
    if (known.length === 0) return [];
    const there = await listRemoteRefs(this.talk, [], signal);
    return known.filter((name) => there.has(name));
  }

  private startTidying(): void {
    const abort = new AbortController();
    const signal = withDeadline(abort.signal, tidyMs);
    const work = async () => {
      const lock = await lockMirror(this.places.lock, signal);
      try {
        await tidy(this.path, this.git, signal, (pid) => void lock.addChild(pid).catch(() => {}));
      } finally {
        await lock.release();
      }
    };
    const done = work().catch((error: unknown) => {
      if (!signal.aborted)
        this.log.warn({ repository: this.remote.url, error: String(error) }, "could not tidy a mirror");
    });
    this.tidying = { done, abort };
  }

  private async endTidying(): Promise<void> {
    this.tidying?.abort.abort();
    await this.tidying?.done;
    this.tidying = undefined;
  }
}

const headTarget = "refs/galley/HEAD";
