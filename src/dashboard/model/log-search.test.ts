import { expect, test } from "vitest";
import { LogSearch } from "./log-search.js";
import { LogStore } from "./log-store.js";

function filled(lines: readonly string[]) {
  const store = new LogStore();
  for (const text of lines) store.append([], { text, stderr: false, at: 0 });
  return store;
}

test("lines are found whatever their colours and case, also those that come later", () => {
  const store = filled(["Error: a", "fine", "an \u001b[31mer\u001b[0mror"]);
  const search = new LogSearch(store, "ERROR");
  expect(search.advance(store.all(), 1000)).toBe(true);
  store.append([], { text: "error again", stderr: true, at: 0 });
  search.advance(store.all(), 1000);
  expect(Array.from({ length: search.matches.length }, (_, n) => search.matches.at(n))).toEqual([0, 2, 3]);
});

test("a search through many lines gives the page a turn and goes on where it was", () => {
  const store = filled(Array.from({ length: 1000 }, (_, n) => `line ${n}`));
  const search = new LogSearch(store, "line 999");
  let now = 0;
  const clock = () => now++;
  expect(search.advance(store.all(), 1, clock)).toBe(false);
  let rounds = 1;
  while (!search.advance(store.all(), 1, clock)) rounds += 1;
  expect(rounds).toBeGreaterThan(2);
  expect(search.matches.at(0)).toBe(999);
});

test("the next and the previous match go round the ends", () => {
  const store = filled(["x", "y", "x", "y", "x"]);
  const search = new LogSearch(store, "x");
  search.advance(store.all(), 1000);
  const to = (place: number, by: 1 | -1) => search.matches.at(search.from(place, by));
  expect([to(0, 1), to(1, 1), to(4, 1), to(4, -1), to(3, -1), to(0, -1)]).toEqual([2, 2, 0, 2, 2, 4]);
  expect(new LogSearch(store, "z").from(0, 1)).toBe(-1);
});
