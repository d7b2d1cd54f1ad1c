import { expect, test } from "vitest";
import type { Vertex } from "../progress/types.js";
import { FailureEvidence } from "./evidence.js";

const started = "2026-01-02T03:04:05Z";
const completed = "2026-01-02T03:04:06Z";

function feed(
  evidence: FailureEvidence,
  vertexes: readonly Vertex[],
  output: readonly [string, string, number?][] = [],
) {
  const logs = output.map(([vertex, text, stream]) => ({
    vertex,
    stream: stream ?? 1,
    data: Buffer.from(text),
    timestamp: started,
  }));
  evidence.add({ vertexes, statuses: [], logs, warnings: [] });
}

test("lines are put together from pieces, each stream by itself", () => {
  const evidence = new FailureEvidence();
  feed(
    evidence,
    [],
    [
      ["a", "on"],
      ["a", "ERR", 2],
      ["a", "e\ntwo\nth"],
      ["a", "OR\n", 2],
      ["a", "ree"],
    ],
  );
  expect(evidence.logTail("a")).toEqual(["one", "two", "ERROR", "three"]);
});

test("a character that is split between two messages stays whole", () => {
  const evidence = new FailureEvidence();
  const [first, second] = [Buffer.from("größe\n").subarray(0, 3), Buffer.from("größe\n").subarray(3)];
  for (const data of [first, second]) {
    evidence.add({
      vertexes: [],
      statuses: [],
      logs: [{ vertex: "a", stream: 1, data, timestamp: started }],
      warnings: [],
    });
  }
  expect(evidence.logTail("a")).toEqual(["größe"]);
});

test("what a carriage return overwrote and what would act on a terminal is left out", () => {
  const evidence = new FailureEvidence();
  feed(evidence, [], [["a", "10%\r50%\r100%\r\n\u001b[31mred\u001b[0m\u001b]0;title\u0007\n\u001b[2Jx\n"]]);
  expect(evidence.logTail("a")).toEqual(["100%", "red", "x"]);
});

test("a million lines leave the last 256 of at most 64 KB", () => {
  const evidence = new FailureEvidence();
  const chunk = `${"x".repeat(63)}\n`.repeat(500);
  for (let part = 0; part < 2000; part++) feed(evidence, [], [["a", chunk]]);
  feed(evidence, [], [["a", "last\n"]]);
  const tail = evidence.logTail("a");
  expect(tail).toHaveLength(256);
  expect(tail.at(-1)).toBe("last");
  expect(evidence.logTail("a", 2)).toEqual(["x".repeat(63), "last"]);
});

test("a message larger than the limit is kept by its end", () => {
  const evidence = new FailureEvidence();
  feed(evidence, [], [["a", `${"y".repeat(300_000)}\nend\n`]]);
  expect(evidence.logTail("a").at(-1)).toBe("end");
  expect(evidence.logTail("a").join("").length).toBeLessThan(70_000);
});

test("a step that succeeds is forgotten but for its name; one that fails keeps its output", () => {
  const evidence = new FailureEvidence();
  feed(evidence, [{ digest: "a", name: "[1/2] RUN true", started }], [["a", "fine\n"]]);
  feed(evidence, [{ digest: "b", name: "[2/2] RUN false", started }], [["b", "bad\n"]]);
  feed(evidence, [{ digest: "a", name: "[1/2] RUN true", started, completed }]);
  feed(evidence, [{ digest: "b", name: "[2/2] RUN false", started, completed, error: "exit code: 1" }]);
  expect(evidence.logTail("a")).toEqual([]);
  expect(evidence.logTail("b")).toEqual(["bad"]);
  expect(evidence.failed().map((vertex) => vertex.name)).toEqual(["[2/2] RUN false"]);
  expect(evidence.vertex("a")).toMatchObject({ name: "[1/2] RUN true", running: false });
});

test("a resumed step, announced as finished and begun again, is running", () => {
  const evidence = new FailureEvidence();
  feed(evidence, [{ digest: "a", name: "[1/1] RUN x", started, completed }]);
  feed(evidence, [{ digest: "a", name: "", started }]);
  expect(evidence.vertex("a")).toMatchObject({ name: "[1/1] RUN x", running: true });
});

test("a flood of vertices does not push out the one that failed", () => {
  const evidence = new FailureEvidence();
  feed(evidence, [{ digest: "bad", name: "bad", started, completed, error: "broken" }]);
  for (let index = 0; index < 20_000; index++)
    feed(evidence, [{ digest: `v${index}`, name: "n", started, completed }]);
  expect(evidence.vertices().length).toBeLessThanOrEqual(8192);
  expect(evidence.failed()).toHaveLength(1);
});
