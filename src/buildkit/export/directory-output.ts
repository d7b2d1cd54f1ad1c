import { mkdir, mkdtemp, rename, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { receiveTree } from "../fsutil/receive.js";
import { RpcError, rpcStatus, type SessionCall } from "../session/service.js";
import { exportFailure } from "./failure.js";
import { temporaryBeside } from "./file-output.js";
import { mergeTree, removeTree } from "./merge-tree.js";

/**
 * A directory on its way from the daemon. Everything is received into a directory of its own on the same file system, and
 * moved into place when the solve has succeeded: an export that breaks off leaves the destination as it was. A destination
 * that is there already keeps its other files.
 */
export class DirectoryOutput {
  readonly type: string;
  readonly #destination: string;
  /** One per call: old daemons make a call per platform, side by side. */
  readonly #stages: string[] = [];
  #holder: Promise<string> | undefined;
  #receiving = 0;
  #over = false;

  constructor(type: string, destination: string) {
    this.type = type;
    this.#destination = destination;
  }

  get received(): boolean {
    return this.#stages.length > 0 && this.#receiving === 0;
  }

  async receive(call: SessionCall): Promise<void> {
    if (this.#over) throw new RpcError(rpcStatus.cancelled, "the build is over");
    this.#receiving += 1;
    this.#holder ??= this.#makeHolder();
    const stage = await mkdtemp(join(await this.#holder, "tree-"));
    this.#stages.push(stage);
    await receiveTree(call, stage);
    this.#receiving -= 1;
  }

  async complete(): Promise<void> {
    this.#over = true;
    try {
      for (const stage of this.#stages) await this.#place(stage);
    } catch (error) {
      throw exportFailure(error, this.type);
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    this.#over = true;
    const holder = await this.#holder?.catch(() => undefined);
    if (holder !== undefined) await removeTree(holder);
  }

  /** Inside the destination where it exists (it may be a mount of its own), else beside it. */
  async #makeHolder(): Promise<string> {
    const destination = this.#destination;
    const inside = join(destination, ".galley-export");
    try {
      return await mkdtemp(`${inside}.`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    await mkdir(dirname(destination), { recursive: true });
    const holder = temporaryBeside(destination);
    await mkdir(holder, { mode: 0o700 });
    return holder;
  }

  async #place(stage: string): Promise<void> {
    try {
      await rename(stage, this.#destination);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EINVAL: the stage lies inside the destination. EBUSY: the destination is a mount.
      if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "EINVAL" && code !== "EBUSY") throw error;
    }
    await mergeTree(stage, this.#destination);
    await rmdir(stage).catch(() => undefined);
  }
}
