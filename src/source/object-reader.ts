import { setImmediate } from "node:timers";
import { GalleyError } from "../errors/index.js";
import { type GitChild, gitFailure, startGit, watchStderr } from "./git-process.js";

/** What git says about an object before its content. */
export interface ObjectHeader {
  readonly id: string;
  readonly type: string;
  readonly size: number;
}

/** How much may wait to be taken before git is stopped, and when it goes on. */
const highWater = 4 * 1024 * 1024;
const lowWater = 1024 * 1024;
const longestHeader = 16 * 1024;

/** One question and what has come of its answer. */
class Answer {
  readonly withContent: boolean;
  header: ObjectHeader | undefined;
  readonly chunks: Buffer[] = [];
  complete = false;
  /** Nobody wants the rest. */
  dropped = false;
  wake: () => void = () => {};

  constructor(withContent: boolean) {
    this.withContent = withContent;
  }

  more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/**
 * Reads objects of a repository through one `git cat-file --batch-command --buffer`: questions go in, answers come back in
 * the same order, so that no object costs a process or a round trip. Slow takers stop git, not the memory.
 */
export class ObjectReader {
  private readonly repository: string;
  private readonly child: GitChild;
  private readonly stderr: () => string;
  private readonly exited: Promise<void>;
  private readonly waiting: Answer[] = [];
  private asked = "";
  private flushing = false;
  private failure: unknown;
  private closed = false;
  /** Bytes that were read from git and not taken yet. */
  private held = 0;
  private paused = false;
  private header: Buffer = Buffer.alloc(0);
  /** Content bytes of the first answer that are still to come; -1 while its header is; -2 for the line feed behind it. */
  private missing = -1;

  constructor(repository: string, gitDirectory: string) {
    this.repository = repository;
    this.child = startGit(gitDirectory, ["cat-file", "--batch-command", "--buffer"]);
    this.stderr = watchStderr(this.child);
    this.child.stdin.on("error", () => {
      // The child is gone: "close" tells why.
    });
    this.child.stdout.on("data", (chunk: Buffer) => this.take(chunk));
    this.exited = new Promise((resolve) => {
      this.child.once("error", (error) => {
        this.fail(gitFailure(repository, "", error));
        resolve();
      });
      this.child.once("close", () => {
        this.fail(gitFailure(repository, this.stderr()));
        resolve();
      });
    });
  }

  /** What an object is, by any name that git knows; undefined when there is none. The name has no line feed. */
  async info(name: string): Promise<ObjectHeader | undefined> {
    const answer = this.ask(`info ${name}`, false);
    while (!answer.complete) await this.progress(answer);
    return answer.header;
  }

  /**
   * The content of an object, in pieces; `undefined` as the first and only piece means that there is no such object. Leaving
   * early is fine.
   */
  async *contents(name: string, signal: AbortSignal): AsyncGenerator<Buffer | undefined, void, undefined> {
    const answer = this.ask(`contents ${name}`, true);
    const abort = () => answer.wake();
    signal.addEventListener("abort", abort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const chunk = answer.chunks.shift();
        if (chunk !== undefined) {
          this.release(chunk.length);
          yield chunk;
        } else if (answer.complete) {
          if (answer.header === undefined) yield undefined;
          return;
        } else {
          await this.progress(answer);
        }
      }
    } finally {
      signal.removeEventListener("abort", abort);
      answer.dropped = true;
      for (const chunk of answer.chunks.splice(0)) this.release(chunk.length);
    }
  }

  /** Ends git. Whoever still reads gets an error. */
  async close(): Promise<void> {
    this.closed = true;
    this.child.kill("SIGKILL");
    await this.exited;
  }

  private ask(question: string, withContent: boolean): Answer {
    if (this.failure !== undefined) throw this.failure;
    const answer = new Answer(withContent);
    this.waiting.push(answer);
    this.asked += `${question}\n`;
    if (!this.flushing) {
      this.flushing = true;
      // Everything that is asked in one turn of the event loop goes out together.
      setImmediate(() => {
        this.flushing = false;
        this.child.stdin.write(`${this.asked}flush\n`);
        this.asked = "";
      });
    }
    return answer;
  }

  private async progress(answer: Answer): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    await answer.more();
    if (this.failure !== undefined && !answer.complete) throw this.failure;
  }

  private take(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.failure === undefined) {
      const answer = this.waiting[0];
      if (answer === undefined) {
        this.fail(this.confused());
        return;
      }
      if (this.missing === -1) rest = this.takeHeader(answer, rest);
      else if (this.missing === -2) rest = this.takeEnd(answer, rest);
      else rest = this.takeContent(answer, rest);
    }
    if (this.held > highWater && !this.paused) {
      this.paused = true;
      this.child.stdout.pause();
    }
  }

  private takeHeader(answer: Answer, bytes: Buffer): Buffer {
    const end = bytes.indexOf(10);
    const piece = end < 0 ? bytes : bytes.subarray(0, end);
    this.header = this.header.length === 0 ? piece : Buffer.concat([this.header, piece]);
    if (this.header.length > longestHeader) this.fail(this.confused());
    if (end < 0) return Buffer.alloc(0);
    const line = this.header.toString("latin1");
    this.header = Buffer.alloc(0);
    const found = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(line);
    if (found !== null) {
      answer.header = { id: found[1] ?? "", type: found[2] ?? "", size: Number(found[3]) };
      if (answer.withContent) this.missing = answer.header.size === 0 ? -2 : answer.header.size;
      else this.complete(answer);
    } else if (/ (missing|ambiguous)$/.test(line)) {
      this.complete(answer);
    } else {
      this.fail(this.confused());
    }
    return bytes.subarray(end + 1);
  }

  private takeContent(answer: Answer, bytes: Buffer): Buffer {
    const piece = bytes.subarray(0, this.missing);
    this.missing -= piece.length;
    if (this.missing === 0) this.missing = -2;
    if (!answer.dropped) {
      answer.chunks.push(piece);
      this.held += piece.length;
      answer.wake();
    }
    return bytes.subarray(piece.length);
  }

  private takeEnd(answer: Answer, bytes: Buffer): Buffer {
    this.missing = -1;
    this.complete(answer);
    return bytes.subarray(1);
  }

  private complete(answer: Answer): void {
    this.waiting.shift();
    answer.complete = true;
    answer.wake();
  }

  private release(bytes: number): void {
    this.held -= bytes;
    if (this.paused && this.held < lowWater) {
      this.paused = false;
      this.child.stdout.resume();
    }
  }

  private fail(reason: unknown): void {
    this.failure ??= this.closed
      ? new GalleyError("git_failed", "The git tree was closed while it was read.")
      : reason;
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
    for (const answer of this.waiting.splice(0)) answer.wake();
  }

  private confused(): GalleyError {
    return new GalleyError(
      "git_failed",
      `git answered something unexpected while ${this.repository} was read.`,
    );
  }
}
