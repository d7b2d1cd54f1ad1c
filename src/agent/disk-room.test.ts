import { expect, test } from "vitest";
import { diskRoom } from "./disk-room.js";
import type { Disk } from "./disks.js";

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const signal = () => new AbortController().signal;
const data = (free: number): Disk => ({ directory: "/data", keeps: ["stored"], free });
const engine = (free: number): Disk => ({ directory: "/engine", keeps: ["engine"], free });

test("A disk with room is not touched, nor is any where no limit is set, or that cannot be looked at.", async () => {
  const makeRoom = () => Promise.reject(new Error("nothing is to be removed"));
  await diskRoom({ look: async () => [data(9), engine(7)], least: 7, makeRoom, log }, signal());
  await diskRoom({ look: async () => [data(0)], least: 0, makeRoom, log }, signal());
  await diskRoom({ look: async () => [], least: 2 ** 52, makeRoom, log }, signal());
});

test("A full disk is cleared, and waited for until there is room or no reason to wait.", async () => {
  const asked: number[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const waiting = diskRoom(
    {
      look: async () => [data(10)],
      least: 100,
      makeRoom: async (bytes) => {
        asked.push(bytes);
        if (asked.length === 3) stop.abort(new Error("drained"));
      },
      log: { ...log, error: (_fields: object, text: string) => void said.push(text) },
      everyMs: 1,
    },
    stop.signal,
  );
  await expect(waiting).rejects.toThrow("drained");
  expect(asked).toEqual([90, 90, 90]);
  // Once is enough.
  expect(said).toHaveLength(1);
});

test("Of two disks the one that is full is cleared, and a job waits for it alone.", async () => {
  const cleared: string[] = [];
  let room = 10;
  await diskRoom(
    {
      look: async () => [data(200), engine(room)],
      least: 100,
      makeRoom: async (bytes, { directory }) => {
        cleared.push(directory);
        room += bytes;
      },
      log,
    },
    signal(),
  );
  expect(cleared).toEqual(["/engine"]);
});
