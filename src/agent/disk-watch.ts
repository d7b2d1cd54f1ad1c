import { setMaxListeners } from "node:events";
import { BuildKitError } from "../buildkit/index.js";
import type { Disk, LookAtDisks } from "./disks.js";
import type { AgentLog } from "./log.js";

export interface DiskWatchOptions {
  readonly look: LookAtDisks;
  /** Bytes that must be free for a job to be claimed. Half of them is what no build may take; 0: nothing is looked at. */
  readonly least: number;
  /** Removes what can be made again, about so many bytes of it. Never rejects. */
  readonly makeRoom: (bytes: number, disk: Disk) => Promise<void>;
  readonly log: AgentLog;
  /** Milliseconds since some moment. */
  readonly now: () => number;
}

/** What a deployment writes to the disks: commits, images and the steps of its builds. */
export interface Writer {
  /** Aborted, with an `OutOfRoom`, when it has to make way. */
  readonly signal: AbortSignal;
  /** Anybody's code is the first to make way. */
  fork: boolean;
  /** Carries out something that writes. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** Why a deployment was ended before the disk was full. */
export class OutOfRoom extends BuildKitError {
  constructor(free: number) {
    super(
      "disk_full",
      `The disk was nearly full, with ${Math.round(free / 1e6)} MB left: the build was ended before everything else on the machine had to.`,
      {
        hint: "Let the build write less, or give the machine a larger disk; `galley cache du` and `docker system df` show what takes it. GALLEY_MIN_FREE_DISK of the agent says how much has to stay free.",
      },
    );
  }
}

interface Writing {
  readonly deployment: string;
  readonly controller: AbortController;
  fork: boolean;
  /** Of its work that is under way, the newest. */
  began: number;
  works: number;
}

/** Milliseconds between two looks: at disks with much room, and at others. A fast disk is filled at some GB a second. */
const everyMs = 2_000;
const nearMs = 250;
/** With so many times the room that has to stay, a disk is not filled between two looks. */
const much = 16;
/** Milliseconds that collection gets before a build has to go, and from one collection to the next. */
const collectMs = 3_000;
const collectAgainMs = 10_000;
/** Milliseconds that a build which was ended gets to end, and its files to be removed. */
const endMs = 15_000;
const removeMs = 2_000;

/**
 * Looks at the disks while something is written to them, by one timer for all, and by none when nothing is. A disk that has no more room than is
 * needed for another job is collected; one that has half of it ends a build: of a fork first, and of those the one that began last.
 */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  readonly #floor: number;
  readonly #writing = new Set<Writing>();
  readonly #collected = new Map<string, { at: number; done: boolean }>();
  /** The build that was ended last: the next is not, while that one's files go. */
  #ended: { readonly writing: Writing; free: number; until: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #order = 0;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
    this.#floor = Math.floor(options.least / 2);
  }

  writer(deployment: string): Writer {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const writing: Writing = { deployment, controller, fork: false, began: 0, works: 0 };
    return {
      signal: controller.signal,
      get fork() {
        return writing.fork;
      },
      set fork(fork) {
        writing.fork = fork;
      },
      during: async (work) => {
        this.#begin(writing);
        try {
          return await work();
        } finally {
          this.#end(writing);
        }
      },
    };
  }

  #begin(writing: Writing): void {
    writing.works += 1;
    this.#order += 1;
    writing.began = this.#order;
    this.#writing.add(writing);
    if (!this.#timer && !this.#looking && this.#floor > 0) this.#lookIn(0);
  }

  #end(writing: Writing): void {
    writing.works -= 1;
    if (writing.works > 0) return;
    this.#writing.delete(writing);
    if (this.#ended?.writing === writing) this.#ended.until = this.#options.now() + removeMs;
    if (this.#writing.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookIn(ms: number): void {
    this.#timer = setTimeout(() => void this.#look(), ms).unref();
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#looking = true;
    const disks = await this.#options.look();
    this.#looking = false;
    if (this.#writing.size === 0) return;
    for (const disk of disks) {
      if (disk.free < this.#options.least) this.#collect(disk);
      if (disk.free < this.#floor) this.#endOne(disk);
    }
    this.#lookIn(disks.some(({ free }) => free < much * this.#floor) ? nearMs : everyMs);
  }

  #collect(disk: Disk): void {
    const { now, least, makeRoom } = this.#options;
    const before = this.#collected.get(disk.directory);
    if (before && (!before.done || now() - before.at < collectAgainMs)) return;
    const collection = { at: now(), done: false };
    this.#collected.set(disk.directory, collection);
    void makeRoom(least - disk.free, disk).finally(() => {
      collection.done = true;
    });
  }

  #endOne({ directory, free }: Disk): void {
    const { now, log } = this.#options;
    const collection = this.#collected.get(directory);
    // It may stand behind something that takes long.
    const collecting = collection?.done === false && now() - collection.at < collectMs;
    if (collecting && free >= this.#floor / 2) return;
    if (this.#ended && now() < this.#ended.until) {
      const over = this.#ended.writing.works === 0;
      // Another one goes on writing.
      if (!over || free >= this.#ended.free - this.#floor / 4) return;
    }
    const going = [...this.#writing]
      .filter(({ controller }) => !controller.signal.aborted)
      .sort((a, b) => Number(b.fork) - Number(a.fork) || b.began - a.began)[0];
    if (!going) return;
    const { deployment, fork } = going;
    log.error(
      { deployment, fork, directory, free, least: this.#floor },
      "the disk is nearly full: a build is ended, so that it does not get full",
    );
    this.#ended = { writing: going, free, until: now() + endMs };
    going.controller.abort(new OutOfRoom(free));
  }
}
