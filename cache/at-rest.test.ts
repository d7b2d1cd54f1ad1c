import { expect, test } from "vitest";
import { AtRest } from "./at-rest.js";

function world(patienceMs = 1_000_000) {
  const busy = new Set<string>();
  const rest = new AtRest((name) => busy.has(name), patienceMs);
  const gone: string[] = [];
  const wait = (name: string, who = name) => rest.wait(name).then(() => void gone.push(who));
  return { busy, rest, gone, wait };
}

test("Who waits goes when nobody is busy with that name any more, and at once where nobody is.", async () => {
  const { busy, rest, gone, wait } = world();
  await wait("idle");
  busy.add("a").add("b");
  const a = wait("a");
  const b = wait("b");
  rest.left("a");
  expect(gone).toEqual(["idle"]);
  busy.delete("a");
  rest.left("a");
  await a;
  expect(gone).toEqual(["idle", "a"]);
  busy.delete("b");
  rest.left("b");
  await b;
});

test("Nobody waits for ever for somebody who is always busy, nor for anybody when all is over.", async () => {
  const { busy, wait } = world(1);
  busy.add("a");
  await wait("a");
  const other = world();
  other.busy.add("a");
  const waiting = other.wait("a");
  other.rest.close();
  await waiting;
  await other.wait("a");
});
