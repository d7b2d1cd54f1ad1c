import { expect, test, vi } from "vitest";
import { watchKeptBytes } from "./kept-bytes.js";

test("a sum is found at the beginning and after each change, by one look at a time, and not in between", async () => {
  const waiting: ((found: number) => void)[] = [];
  const find = vi.fn(() => new Promise<number>((resolve) => waiting.push(resolve)));
  const kept = watchKeptBytes(find);
  expect(kept.bytes).toBeUndefined();
  // Two changes while the first look is under way are one more look.
  kept.look();
  kept.look();
  expect(find).toHaveBeenCalledTimes(1);
  waiting[0]?.(5);
  await vi.waitFor(() => expect(find).toHaveBeenCalledTimes(2));
  expect(kept.bytes).toBe(5);
  waiting[1]?.(7);
  await vi.waitFor(() => expect(kept.bytes).toBe(7));
  expect(find).toHaveBeenCalledTimes(2);
});

test("a sum that cannot be found leaves the one before", async () => {
  const find = vi
    .fn()
    .mockResolvedValueOnce(5)
    .mockRejectedValueOnce(new Error("no disk"))
    .mockResolvedValueOnce(6);
  const kept = watchKeptBytes(find);
  await vi.waitFor(() => expect(kept.bytes).toBe(5));
  kept.look();
  await vi.waitFor(() => expect(find).toHaveBeenCalledTimes(2));
  expect(kept.bytes).toBe(5);
  kept.look();
  await vi.waitFor(() => expect(kept.bytes).toBe(6));
});
