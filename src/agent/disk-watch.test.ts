import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DiskWatch, OutOfRoom, type Writer } from "./disk-watch.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const gigabyte = 1e9;

function watch({ least = gigabyte } = {}) {
  const disk = { free: 100 * gigabyte, looks: 0, asked: [] as number[], clears: 0 };
  const said: object[] = [];
  const watched = new DiskWatch({
    look: async () => {
      disk.looks += 1;
      return [{ directory: "/data", keeps: ["stored", "engine"], free: disk.free }];
    },
    least,
    makeRoom: async (bytes) => {
      disk.asked.push(bytes);
      disk.free += disk.clears;
    },
    log: {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (fields) => void said.push(fields),
    },
    now: Date.now,
  });
  return { disk, said, watched };
}

/** Begins to write, until it is told to end or made to. */
function writing(
  watched: DiskWatch,
  deployment: string,
  fork = false,
): Writer & { readonly end: () => void } {
  const writer = watched.writer(deployment);
  writer.fork = fork;
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
    writer.signal.addEventListener("abort", () => resolve());
  });
  void writer.during(() => over);
  return Object.assign(writer, { end });
}

test("Disks are looked at while something is written, however many write, and not before or after.", async () => {
  const { disk, watched } = watch();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(disk.looks).toBe(0);
  const [one, two] = [writing(watched, "one"), writing(watched, "two")];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(disk.looks).toBe(11);
  // Nearer to its limit it is looked at more often.
  disk.free = 3 * gigabyte;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(disk.looks).toBeGreaterThan(40);
  one.end();
  two.end();
  await vi.advanceTimersByTimeAsync(0);
  const { looks } = disk;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(disk.looks).toBe(looks);
  expect(vi.getTimerCount()).toBe(0);
});

test("Nothing is looked at where no limit is set.", async () => {
  const { disk, watched } = watch({ least: 0 });
  disk.free = 0;
  const one = writing(watched, "one");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(disk.looks).toBe(0);
  expect(one.signal.aborted).toBe(false);
});

test("A disk that gets full is cleared first, and nobody has to end where that is enough.", async () => {
  const { disk, watched } = watch();
  const one = writing(watched, "one", true);
  disk.free = 0.4 * gigabyte;
  disk.clears = gigabyte;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(disk.asked).toEqual([0.6 * gigabyte]);
  expect(one.signal.aborted).toBe(false);
});

test("Of a fork the build that began last has to end, with a reason that says what to do; the others go on where that is enough.", async () => {
  const { disk, said, watched } = watch();
  const own = writing(watched, "own");
  const first = writing(watched, "fork-1", true);
  const second = writing(watched, "fork-2", true);
  const newest = writing(watched, "newest");
  disk.free = 0.4 * gigabyte;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(second.signal.reason).toBeInstanceOf(OutOfRoom);
  expect(second.signal.reason).toMatchObject({
    code: "disk_full",
    message: expect.stringContaining("400 MB left"),
    hint: expect.stringContaining("GALLEY_MIN_FREE_DISK"),
  });
  disk.free = 0.6 * gigabyte;
  await vi.advanceTimersByTimeAsync(30_000);
  for (const { signal } of [own, first, newest]) expect(signal.aborted).toBe(false);
  expect(said).toEqual([
    { deployment: "fork-2", fork: true, directory: "/data", free: 0.4 * gigabyte, least: gigabyte / 2 },
  ]);
});

test("Where the end of one build is not enough the next has to end, and of the repository's own the one that began last; not before the first has had time to make room.", async () => {
  const { disk, watched } = watch();
  const old = writing(watched, "old");
  const fork = writing(watched, "fork", true);
  const young = writing(watched, "young");
  disk.free = 0.2 * gigabyte;
  const order = async () => {
    const ended: string[] = [];
    for (const [name, { signal }] of Object.entries({ old, fork, young }))
      signal.addEventListener("abort", () => ended.push(name));
    await vi.advanceTimersByTimeAsync(1_500);
    expect(ended).toEqual(["fork"]);
    await vi.advanceTimersByTimeAsync(30_000);
    return ended;
  };
  expect(await order()).toEqual(["fork", "young", "old"]);
});

test("A disk that goes on to fill after a build has ended is not waited for.", async () => {
  const { disk, watched } = watch();
  const young = writing(watched, "young");
  const fork = writing(watched, "fork", true);
  disk.free = 0.2 * gigabyte;
  await vi.advanceTimersByTimeAsync(300);
  expect(fork.signal.aborted).toBe(true);
  expect(young.signal.aborted).toBe(false);
  disk.free = 0.05 * gigabyte;
  await vi.advanceTimersByTimeAsync(300);
  expect(young.signal.aborted).toBe(true);
});
