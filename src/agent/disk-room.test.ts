import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { diskRoom } from "./disk-room.js";

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const signal = () => new AbortController().signal;

test("A disk with room is not touched, nor is any where no limit is set.", async () => {
  const makeRoom = () => Promise.reject(new Error("nothing is to be removed"));
  await diskRoom({ directory: tmpdir(), least: 1, makeRoom, log }, signal());
  await diskRoom({ directory: tmpdir(), least: 0, makeRoom, log }, signal());
  await diskRoom({ directory: "/no/such/directory", least: 2 ** 52, makeRoom, log }, signal());
});

test("A full disk is cleared, and waited for until there is room or no reason to wait.", async () => {
  const asked: number[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const waiting = diskRoom(
    {
      directory: tmpdir(),
      least: 2 ** 60,
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
  expect(asked.every((bytes) => bytes > 2 ** 50)).toBe(true);
  // Once is enough.
  expect(said).toHaveLength(1);
});
