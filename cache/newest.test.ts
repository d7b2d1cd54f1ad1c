import { expect, test } from "vitest";
import { Newest } from "./newest.js";

/** One after the other, when it is let go. */
function turns() {
  const waiting: (() => Promise<void>)[] = [];
  let over: (() => void)[] = [];
  return {
    queue: (turn: () => Promise<void>) => {
      waiting.push(turn);
      return new Promise<void>((resolve) => void over.push(resolve));
    },
    go: async () => {
      await waiting.shift()?.();
      over.shift()?.();
    },
    /** Whoever waits is told that there is nothing to wait for. */
    close: () => {
      for (const end of over) end();
      over = [];
    },
  };
}

test("Of works of one name that wait, the newest alone is done; the others are over at once, and so is what they hold.", async () => {
  const newest = new Newest();
  const { queue, go } = turns();
  const done: string[] = [];
  const put = (name: string, what: string) => newest.put(name, async () => void done.push(what), queue);
  const over: string[] = [];
  const all = ["web 1", "web 2", "api 1", "web 3"].map((what) =>
    put(what.split(" ")[0] ?? "", what).then(() => void over.push(what)),
  );
  await Promise.all([all[0], all[1]]);
  expect([over, done]).toEqual([["web 1", "web 2"], []]);
  for (let turn = 0; turn < 4; turn += 1) await go();
  await Promise.all(all);
  expect(done).toEqual(["api 1", "web 3"]);
});

test("One that is under way is finished, and one that came after it waits for its own turn.", async () => {
  const newest = new Newest();
  const { queue, go } = turns();
  const done: string[] = [];
  let finish = () => {};
  const first = newest.put(
    "web",
    async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      done.push("first");
    },
    queue,
  );
  const running = go();
  const second = newest.put("web", async () => void done.push("second"), queue);
  finish();
  await running;
  await first;
  await go();
  await second;
  expect(done).toEqual(["first", "second"]);
});

test("A work whose turn never comes is over when the queue says so, and holds up none that comes later.", async () => {
  const newest = new Newest();
  const { queue, close } = turns();
  const first = newest.put("web", async () => {}, queue);
  close();
  await first;
  const later = turns();
  let done = false;
  const second = newest.put(
    "web",
    async () => {
      done = true;
    },
    later.queue,
  );
  await later.go();
  await second;
  expect(done).toBe(true);
});
