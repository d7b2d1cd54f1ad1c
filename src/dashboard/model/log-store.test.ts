import { expect, test } from "vitest";
import { LogStore } from "./log-store.js";

const line = (text: string, at = 1_000, stderr = false) => ({ text, at, stderr });

test("lines come back as they went in, to each list that they belong to", () => {
  const store = new LogStore();
  const [install, build, web] = [store.list(), store.list(), store.list()];
  store.append([install, web], line("näh 🦜", 1_000));
  store.append([build, web], line("\u001b[31mred\u001b[0m", 1_250, true));
  store.append([install, web], line("", 900));
  expect(store.line(0)).toEqual({ step: install, stderr: false, text: "näh 🦜", at: 1_000 });
  expect(store.line(1)).toEqual({ step: build, stderr: true, text: "\u001b[31mred\u001b[0m", at: 1_250 });
  // A line that is older than the first one is shown with that one's time.
  expect(store.line(2).at).toBe(1_000);
  const numbers = (list: number) =>
    Array.from({ length: store.lines(list).length }, (_, n) => store.lines(list).at(n));
  expect([numbers(install), numbers(build), numbers(web)]).toEqual([[0, 2], [1], [0, 1, 2]]);
  expect(store.all().length).toBe(3);
});

test("a hundred thousand lines of all lengths are kept whole over the borders of chunks", () => {
  const store = new LogStore();
  const list = store.list();
  const text = (n: number) => `${n} ${"€".repeat(n % 300)}`;
  for (let n = 0; n < 100_000; n += 1) store.append([list], line(text(n), n));
  for (let n = 0; n < 100_000; n += 997) expect(store.line(n)).toMatchObject({ text: text(n), at: n });
});

test("a line that never ends is cut, and what follows it is whole", () => {
  const store = new LogStore();
  store.append([], line("€".repeat(200_000)));
  store.append([], line("after"));
  expect(store.text(0)).toBe("€".repeat(65_536));
  expect(store.text(1)).toBe("after");
});

test("beyond the limit lines are counted and not kept", () => {
  const store = new LogStore({ lines: 2 });
  for (const text of ["a", "b", "c", "d"]) store.append([], line(text));
  expect([store.length, store.dropped]).toEqual([2, 2]);
});

test("a list that was never made is empty", () => {
  expect(new LogStore().lines(undefined).length).toBe(0);
  expect(new LogStore().lines(7).length).toBe(0);
});
