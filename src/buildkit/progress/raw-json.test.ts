import { expect, test } from "vitest";
import { recordedLines, recordings } from "../../../test/progress/recorded.js";
import { decodeRawJson, encodeRawJson } from "./raw-json.js";

test.each(recordings)("what buildx printed for %s comes out again byte for byte", (name) => {
  for (const line of recordedLines(name)) {
    const status = decodeRawJson(line);
    expect(status && encodeRawJson(status)).toBe(line);
  }
});

test("characters that Go's encoder escapes are escaped", () => {
  const line = encodeRawJson({
    vertexes: [{ digest: "sha256:a", name: "RUN a && b > c < d \u2028" }],
    statuses: [],
    logs: [],
    warnings: [],
  });
  expect(line).toBe(
    '{"vertexes":[{"digest":"sha256:a","name":"RUN a \\u0026\\u0026 b \\u003e c \\u003c d \\u2028"}]}',
  );
});

test("what is empty is left out, but a log's data and a status's count never are", () => {
  const status = {
    vertexes: [{ digest: "sha256:a", name: "x", inputs: [], cached: false, error: "" }],
    statuses: [
      { id: "", vertex: "sha256:a", current: 0, total: 0, timestamp: "2026-01-01T00:00:00.500000000Z" },
    ],
    logs: [{ vertex: "sha256:a", stream: 0, data: new Uint8Array(), timestamp: "2026-01-01T00:00:00Z" }],
    warnings: [{ vertex: "sha256:a", level: 0, short: "", detail: [], ranges: [] }],
  };
  expect(JSON.parse(encodeRawJson(status))).toEqual({
    vertexes: [{ digest: "sha256:a", name: "x" }],
    statuses: [{ id: "", vertex: "sha256:a", current: 0, timestamp: "2026-01-01T00:00:00.5Z" }],
    logs: [{ vertex: "sha256:a", data: null, timestamp: "2026-01-01T00:00:00Z" }],
    warnings: [{ vertex: "sha256:a" }],
  });
  expect(encodeRawJson({ vertexes: [], statuses: [], logs: [], warnings: [] })).toBe("{}");
});

test("a line that is no status is refused, and fields of the wrong type are taken as absent", () => {
  for (const line of ["", "ERROR: failed", "null", "[]", "1", '"x"'])
    expect(decodeRawJson(line)).toBeUndefined();
  expect(
    decodeRawJson(
      '{"vertexes":[{"digest":1,"name":[],"inputs":[1,"a"]},null,3],"logs":{},"statuses":[{"current":"1"}]}',
    ),
  ).toEqual({
    vertexes: [{ digest: "", name: "", inputs: ["a"] }],
    statuses: [{ id: "", vertex: "", current: 0, timestamp: "" }],
    logs: [],
    warnings: [],
  });
});
