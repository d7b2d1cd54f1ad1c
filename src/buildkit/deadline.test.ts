import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { withDeadline } from "./deadline.js";

test("A deadline comes, also when garbage is collected meanwhile.", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Nothing but the combined signal is held, as by who waits.
  const limited = withDeadline(new AbortController().signal, 100);
  let over = false;
  limited.addEventListener("abort", () => {
    over = true;
  });
  const collected = () => {
    collect();
    return over;
  };
  await expect.poll(collected).toBe(true);
  expect(limited.reason).toMatchObject({ name: "TimeoutError" });
});
