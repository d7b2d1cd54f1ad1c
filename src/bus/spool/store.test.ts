import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import type { BusLog } from "../log.js";
import type { Batch } from "./record.js";
import { openStore } from "./store.js";

let directory: string;
let warnings: string[];
let log: BusLog;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-store-"));
  warnings = [];
  log = { debug() {}, info() {}, warn: (_, message) => void warnings.push(message), error() {} };
  return () => rm(directory, { recursive: true, force: true });
});

const written = (firstSeq: number, bytes = 100): { batch: Batch; body: Buffer } => ({
  batch: { kind: "events", deployment: "d1", attempt: 1, firstSeq, count: 1, finished: false },
  body: Buffer.alloc(bytes, firstSeq),
});
const left = async () => {
  const store = await openStore(directory, 1_000, log);
  const seqs = store.left.map(({ batch }) => batch.firstSeq);
  await store.close();
  return seqs;
};

test("what is not acknowledged is there again after opening, in order", async () => {
  const store = await openStore(directory, 1_000, log);
  const places = await store.write([1, 2, 3, 4].map((seq) => written(seq)));
  places.push(...(await store.write([written(5)])));
  store.acknowledge(places[1]!);
  store.acknowledge(places[4]!);
  await store.close();
  const again = await openStore(directory, 1_000, log);
  expect(again.left.map(({ batch }) => batch)).toEqual([1, 3, 4].map((seq) => written(seq).batch));
  for (const { batch, place } of again.left)
    expect(await again.read(place)).toEqual(written(batch.firstSeq).body);
  await again.close();
});

test("files that have nothing left to send go away, and are no longer counted", async () => {
  const store = await openStore(directory, 1_000, log);
  const places = [];
  for (let seq = 1; seq <= 10; seq += 1) places.push(...(await store.write([written(seq, 600)])));
  const most = store.bytes;
  expect(most).toBeGreaterThan(6_000);
  for (const place of places.slice(0, 8)) store.acknowledge(place);
  expect(store.bytes).toBeLessThan(most / 2);
  for (const place of places.slice(8)) store.acknowledge(place);
  expect(store.bytes).toBe(0);
  await store.close();
  expect(await readdir(directory)).toEqual([]);
});

test("a torn last record is left out and said, and what follows goes to a file of its own", async () => {
  const store = await openStore(directory, 100_000, log);
  await store.write([written(1), written(2), written(3)]);
  await store.close();
  const [name] = await readdir(directory);
  const file = join(directory, name!);
  await truncate(file, (await readFile(file)).length - 7);
  const again = await openStore(directory, 100_000, log);
  expect(again.left.map(({ batch }) => batch.firstSeq)).toEqual([1, 2]);
  expect(warnings).toHaveLength(1);
  await again.write([written(4)]);
  await again.close();
  expect(await left()).toEqual([1, 2, 4]);
});

test("a torn list of acknowledgements only means that something is sent once more", async () => {
  const store = await openStore(directory, 100_000, log);
  const places = await store.write([written(1), written(2), written(3)]);
  store.acknowledge(places[0]!);
  store.acknowledge(places[1]!);
  await store.close();
  const acked = (await readdir(directory)).find((name) => name.endsWith(".acked"))!;
  await truncate(join(directory, acked), 6);
  expect(await left()).toEqual([2, 3]);
});

test("a body that the disk has damaged is not read as another one", async () => {
  const store = await openStore(directory, 100_000, log);
  const [place] = await store.write([written(1)]);
  const file = join(directory, (await readdir(directory))[0]!);
  const content = await readFile(file);
  content[content.length - 1] = 0xff;
  await writeFile(file, content);
  expect(await store.read(place!)).toBeUndefined();
  await store.close();
});

test("a write that fails rejects, and the next one is whole", async () => {
  const store = await openStore(directory, 100_000, log);
  await rm(directory, { recursive: true });
  await expect(store.write([written(1)])).rejects.toMatchObject({ code: "ENOENT" });
  await openStore(directory, 100_000, log); // makes the folder again
  await store.write([written(2)]);
  await store.sync();
  await store.close();
  expect(await left()).toEqual([2]);
});
