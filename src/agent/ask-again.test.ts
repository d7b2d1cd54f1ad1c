import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { askAgain } from "./ask-again.js";

const unheard = () =>
  new GalleyError("control_plane_unreachable", "nobody", {
    cause: Object.assign(new Error("503"), { code: "503" }),
  });
const { signal } = new AbortController();

test("a question that nobody has heard is asked again, a few times", async () => {
  let asked = 0;
  const answer = await askAgain(async () => {
    asked += 1;
    if (asked < 3) throw unheard();
    return "granted";
  }, signal);
  expect([answer, asked]).toEqual(["granted", 3]);
  await expect(askAgain(() => Promise.reject(unheard()), signal)).rejects.toMatchObject({
    message: "nobody",
  });
});

test("one that was heard and not answered, or answered with a refusal, is not", async () => {
  for (const error of [
    new GalleyError("control_plane_unreachable", "no answer in time"),
    new GalleyError("internal", "refused"),
  ]) {
    let asked = 0;
    const ask = () => {
      asked += 1;
      return Promise.reject(error);
    };
    await expect(askAgain(ask, signal)).rejects.toBe(error);
    expect(asked).toBe(1);
  }
});
