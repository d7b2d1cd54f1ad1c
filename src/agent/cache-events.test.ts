import { expect, test } from "vitest";
import { cacheEventSchema } from "../events/index.js";
import { removedEvent } from "./cache-events.js";

test("What was removed is told in the form that the bus takes, whatever a Dockerfile calls its mounts.", () => {
  const removed = {
    ...{ kind: "mount" as const, repo: "shop-1", name: "0123456789abcdef", scope: "fork-pr-7" },
    ...{ what: "\u0000ü\ud800".repeat(5_000), why: "its repository keeps more than 5 bytes", freed: 12.5 },
  };
  const event = removedEvent(removed, { id: "e1", now: Date.parse("2026-01-02T03:04:05.678Z") });
  expect(cacheEventSchema.parse(JSON.parse(JSON.stringify(event)))).toMatchObject({
    ...{ id: "e1", at: "2026-01-02T03:04:05.678Z", type: "cache.removed", kind: "mount", freed: 13 },
  });
});
