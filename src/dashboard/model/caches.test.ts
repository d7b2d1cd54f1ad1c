import { expect, test } from "vitest";
import {
  deploymentOf,
  type Held,
  heldBeside,
  heldName,
  largest,
  partsOfDisk,
  percent,
  readableWhy,
  shareOf,
  shortKey,
} from "./caches.js";

test("parts of a bar are the largest ones, the rest is one part, and what is empty is none", () => {
  const parts = [
    { name: "a", bytes: 1 },
    { name: "b", bytes: 5 },
    { name: "c", bytes: 0 },
    { name: "d", bytes: 3 },
  ];
  expect(largest(parts, 2, (count) => `${count} others`)).toEqual([
    { name: "b", bytes: 5 },
    { name: "2 others", bytes: 4 },
  ]);
  expect(largest(parts, 3, String).map(({ name }) => name)).toEqual(["b", "d", "a"]);
});

test("shares stay within the whole, also of nothing", () => {
  expect([shareOf(1, 4), shareOf(5, 4), shareOf(1, 0)]).toEqual([0.25, 1, 0]);
  expect([percent(0.865), percent(0), percent(null)]).toEqual(["87 %", "0 %", ""]);
});

test("a build's name leads to its deployment, and a repository's key is read without its digest", () => {
  expect(deploymentOf("dep0abc-web-2")).toEqual({ deployment: "dep0abc", service: "web-2" });
  expect(deploymentOf("b")).toEqual({ deployment: "b", service: "" });
  expect(shortKey("github.com-acme-shop-c566806a55dc")).toBe("github.com-acme-shop");
  expect(shortKey("shop-1")).toBe("shop-1");
});

test("what is kept beside stored mounts comes by kind, the largest first, each by what people know it by", () => {
  const held = (kind: string, size: number, what: string): Held => ({
    ...{ kind, size, what, name: `${kind}-0123456789abcdef0123456789`, scope: "base" },
    ...{ createdAt: null, lastUsedAt: "2026-01-01T00:00:00Z", usedBy: [], cost: null, inUse: false },
  });
  const kept = [
    held("record", 1, "/root/.npm"),
    held("mount", 9, "/x"),
    held("record", 5, "/go"),
    held("image", 2, ""),
  ];
  expect(heldBeside(kept).map(heldName)).toEqual(["image-0123456789abc", "/go", "/root/.npm"]);
});

test("what is stored and the rest of what is used make up the used part of a disk, whatever the sizes say", () => {
  const disk = { free: 60, total: 100 };
  expect(partsOfDisk({ stored: 10, layers: 5, mirrors: 0 }, disk)).toEqual([
    { name: "stored mounts", bytes: 10 },
    { name: "stored layers", bytes: 5 },
    { name: "everything else", bytes: 25 },
  ]);
  // Looked at at another moment than the disk.
  expect(partsOfDisk({ stored: 50, layers: 0, mirrors: 0 }, disk)).toEqual([
    { name: "stored mounts", bytes: 50 },
  ]);
});

test("a reason says its bytes with units, and stays what it is otherwise", () => {
  expect(readableWhy("its repository keeps more than 10000000000 bytes")).toBe(
    "its repository keeps more than 10.0 GB",
  );
  expect(readableWhy("not used since 2026-01-01T00:00:00.000Z")).toBe(
    "not used since 2026-01-01T00:00:00.000Z",
  );
});
