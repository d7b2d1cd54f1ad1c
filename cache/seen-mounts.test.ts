import { expect, test } from "vitest";
import { SeenMounts } from "./seen-mounts.js";

test("A mount that was seen is known for a while, in its namespace alone, and until nothing of that is built any more.", () => {
  let now = 1_000_000;
  const seen = new SeenMounts(() => now);
  seen.add("a", "/root/.npm");
  expect(seen.has("a", "/root/.npm")).toBe(true);
  expect(seen.has("a", "/root/.cache")).toBe(false);
  expect(seen.has("b", "/root/.npm")).toBe(false);
  now += 60_000;
  expect(seen.has("a", "/root/.npm")).toBe(false);
  seen.add("a", "/root/.npm");
  // The clock was put back.
  now -= 1;
  expect(seen.has("a", "/root/.npm")).toBe(false);
  now += 1;
  seen.forget("a");
  expect(seen.has("a", "/root/.npm")).toBe(false);
});
