import { expect, test } from "vitest";
import {
  deploymentOf,
  type Held,
  heldBeside,
  heldName,
  largest,
  percent,
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
