import { expect, test } from "vitest";
import { container } from "./found.testing.js";
import { secondsToEnd } from "./hibernate.js";

test("a database, and what others depend on, get a minute to write everything down, others ten seconds", () => {
  const queue = container("queue", "new");
  const worker = container("worker", "new", { check: { needs: [{ service: "queue", until: "started" }] } });
  const running = [container("web", "new"), worker, queue, container("db", "new")];
  expect(running.map((one) => [one.service, secondsToEnd(one, running)])).toEqual([
    ["web", 10],
    ["worker", 10],
    ["queue", 60],
    ["db", 60],
  ]);
});
