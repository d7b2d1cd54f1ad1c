import { expect, test } from "vitest";
import { moby } from "../../../proto/index.js";
import { buildRecordFromWire, statusFromWire, usageFromWire } from "./convert.js";

const v1 = moby.buildkit.v1;
const at = (seconds: number, nanos = 0) => ({ seconds, nanos });

test.each([
  [at(1_767_323_045, 123_456_789), "2026-01-02T03:04:05.123456789Z"],
  [at(1_767_323_045, 120_000_000), "2026-01-02T03:04:05.12Z"],
  [at(1_767_323_045, 1), "2026-01-02T03:04:05.000000001Z"],
  [at(1_767_323_045), "2026-01-02T03:04:05Z"],
  [at(0), "1970-01-01T00:00:00Z"],
  // Nonsense of a hostile daemon is clamped, not thrown at the reader.
  [at(Number.MAX_SAFE_INTEGER, 2_000_000_000), "9999-12-31T23:59:59.999999999Z"],
  [at(-Number.MAX_SAFE_INTEGER, -5), "0001-01-01T00:00:00Z"],
])("the time %j is written as Go's RFC3339Nano does", (started, text) => {
  const wire = v1.StatusResponse.decode(v1.StatusResponse.encode({ vertexes: [{ started }] }).finish());
  expect(statusFromWire(wire).vertexes[0]?.started).toBe(text);
});

test("what the wire leaves out of a vertex is absent, and what it says is kept", () => {
  const message = v1.StatusResponse.encode({
    vertexes: [
      { digest: "sha256:a", name: "plain" },
      {
        digest: "sha256:b",
        name: "full",
        inputs: ["sha256:a"],
        cached: true,
        error: "no",
        progressGroup: { id: "g", name: "group", weak: true },
      },
    ],
  });
  expect(statusFromWire(v1.StatusResponse.decode(message.finish())).vertexes).toEqual([
    { digest: "sha256:a", name: "plain" },
    {
      digest: "sha256:b",
      name: "full",
      inputs: ["sha256:a"],
      cached: true,
      error: "no",
      progressGroup: { id: "g", name: "group", weak: true },
    },
  ]);
});

test("statuses, logs and warnings keep their numbers, bytes and ranges", () => {
  const message = v1.StatusResponse.encode({
    statuses: [{ id: "layer", vertex: "sha256:a", current: 5, total: 5_000_000_000, timestamp: at(1) }],
    logs: [{ vertex: "sha256:a", stream: 2, msg: Buffer.from([0xff, 0x0a]), timestamp: at(1, 5) }],
    warnings: [
      {
        vertex: "sha256:a",
        level: 1,
        short: Buffer.from("Größe"),
        detail: [Buffer.from("d")],
        url: "https://example.test",
        info: { filename: "Dockerfile", data: Buffer.from("FROM x"), language: "Dockerfile" },
        ranges: [{ start: { line: 3 }, end: { line: 3, character: 7 } }],
      },
    ],
  });
  const status = statusFromWire(v1.StatusResponse.decode(message.finish()));
  expect(status.statuses).toEqual([
    { id: "layer", vertex: "sha256:a", current: 5, total: 5_000_000_000, timestamp: "1970-01-01T00:00:01Z" },
  ]);
  expect(status.logs[0]).toMatchObject({ stream: 2, timestamp: "1970-01-01T00:00:01.000000005Z" });
  expect([...(status.logs[0]?.data ?? [])]).toEqual([0xff, 0x0a]);
  expect(status.warnings[0]).toMatchObject({
    level: 1,
    short: "Größe",
    detail: ["d"],
    sourceInfo: { filename: "Dockerfile", language: "Dockerfile" },
    ranges: [{ start: { line: 3 }, end: { line: 3, character: 7 } }],
  });
});

test("the one parent of old engines and the several of new ones read the same", () => {
  const old = v1.UsageRecord.decode(v1.UsageRecord.encode({ id: "x", parent: "p" }).finish());
  const later = v1.UsageRecord.decode(
    v1.UsageRecord.encode({ id: "x", parent: "p", parents: ["p", "q"] }).finish(),
  );
  expect(usageFromWire(old).parents).toEqual(["p"]);
  expect(usageFromWire(later).parents).toEqual(["p", "q"]);
});

test("a failed build's record carries its status in full, or says which blob does", () => {
  const inline = v1.BuildHistoryRecord.encode({ ref: "r", error: { code: 2, message: "no" } });
  const blob = v1.BuildHistoryRecord.encode({
    ref: "r",
    error: { code: 2, message: "no" },
    externalError: { digest: "sha256:e", size: 9 },
  });
  const record = buildRecordFromWire(v1.BuildHistoryRecord.decode(inline.finish()), true);
  expect(record).toMatchObject({ state: "complete", error: { code: 2, message: "no" } });
  expect(record).not.toHaveProperty("errorBlob");
  expect(buildRecordFromWire(v1.BuildHistoryRecord.decode(blob.finish()), false)).toMatchObject({
    state: "running",
    errorBlob: { digest: "sha256:e", size: 9 },
  });
});
