import { expect, test } from "vitest";
import { deploymentOf, largest, percent, shareOf, shortKey } from "./caches.js";

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
