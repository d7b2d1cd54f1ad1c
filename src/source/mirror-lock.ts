import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { killGroup, processSpace, startOf } from "./process-life.js";

/** Held by nobody else, in this process or another one of the host. */
export interface MirrorLock {
  /** The last holder died with the lock: what it was doing lies there half done. */
  readonly inherited: boolean;
  /** Files a child under the lock: whoever inherits it ends the child before doing anything else. */
  addChild(pid: number): Promise<void>;
  release(): Promise<void>;
}

const shortestWait = 20;
const longestWait = 400;
/** A holder in another pid namespace (a container beside us) is told to be alive by its file's time alone. */
const beatMs = 5000;
const silentMs = 30_000;

interface Claim {
  readonly name: string;
  readonly pid: number;
  readonly start: string;
  readonly space: string;
}

/**
 * Takes the lock whose claims lie in `directory`. A claim is a file whose name says which process made it: the lock is held by
 * whoever made a claim and then saw no other living one. Dead claims count for nothing, so that nothing has to be taken
 * over from a process that was killed, and removing a dead one is always safe. Throws the signal's reason.
 */
export async function lockMirror(directory: string, signal: AbortSignal): Promise<MirrorLock> {
  await mkdir(directory, { recursive: true });
  const space = processSpace();
  const own: Claim = { name: "", pid: process.pid, start: startOf(process.pid) ?? "0", space };
  let inherited = false;
  for (let pause = shortestWait; ; pause = Math.min(pause * 1.5, longestWait)) {
    signal.throwIfAborted();
    const before = await survey(directory, space, undefined);
    inherited ||= before.dead;
    if (!before.held) {
      const claim = { ...own, name: claimName(own) };
      const path = join(directory, claim.name);
      await (await open(path, "wx", 0o600)).close();
      let held = true;
      try {
        const after = await survey(directory, space, claim.name);
        inherited ||= after.dead;
        held = after.held;
        if (!held) return hold(path, inherited);
      } finally {
        if (held) await rm(path, { force: true });
      }
    }
    await wait(pause * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

const claimName = ({ pid, start, space }: Claim) =>
  `${pid}.${start}.${space}.${randomBytes(8).toString("hex")}`;

function hold(path: string, inherited: boolean): MirrorLock {
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {
      // The data directory is gone: so is what the lock was for.
    });
  }, beatMs);
  beat.unref();
  return {
    inherited,
    addChild: (pid) => appendFile(path, `${pid} ${startOf(pid) ?? "-"}\n`),
    release: async () => {
      clearInterval(beat);
      await rm(path, { force: true });
    },
  };
}

/** Looks at all claims but our own; ends what dead ones left running and removes them. */
async function survey(
  directory: string,
  space: string,
  ours: string | undefined,
): Promise<{ held: boolean; dead: boolean }> {
  let held = false;
  let dead = false;
  for (const name of await readdir(directory)) {
    const found = /^(\d+)\.(\d+)\.([0-9a-f]+)\.[0-9a-f]{16}$/.exec(name);
    if (found === null || name === ours) continue;
    const [, pid = "", start = "", other = ""] = found;
    const path = join(directory, name);
    if (await lives({ name, pid: Number(pid), start, space: other }, path, space)) {
      held = true;
    } else {
      dead = true;
      if (other === space) await endChildren(path);
      await rm(path, { force: true });
    }
  }
  return { held, dead };
}

async function lives(claim: Claim, path: string, space: string): Promise<boolean> {
  if (claim.space === space) return startOf(claim.pid) === claim.start;
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < silentMs;
}

async function endChildren(path: string): Promise<void> {
  const text = await readFile(path, "latin1").catch(() => "");
  for (const line of text.split("\n")) {
    const [pid = "", start = ""] = line.split(" ");
    if (/^\d+$/.test(pid) && /^\d+$/.test(start)) killGroup(Number(pid), start);
  }
}
