import { readdirSync, readFileSync } from "node:fs";
import { expect, expectTypeOf, test } from "vitest";
import type { z } from "zod";
import { type BuildEvent, BuildEvents, BuildKitError, decodeRawJson } from "../buildkit/index.js";
import { buildEventSchema } from "./build-event.js";
import { createEventEnvelope, type GalleyEvent } from "./index.js";

const folder = new URL("../../test/fixtures/progress/", import.meta.url);
const recordings = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
const now = () => Date.parse("2026-11-22T17:00:00.125Z");
let ids = 0;
const newId = () => `id-${++ids}`;

test.each(recordings)("every event of %s is what the schema says, numbered without a gap", (name) => {
  const events = new BuildEvents();
  const envelope = createEventEnvelope({
    now,
    newId,
    agent: "a1",
    project: "shop",
    environment: "pr-7",
    deployment: "d1",
    attempt: 2,
  });
  const error = new BuildKitError("step_failed", "npm ci exited with 1", {
    hint: "Look.",
    failure: {
      exitCode: 1,
      dockerfile: { name: "Dockerfile", excerpt: [{ line: 1, text: "RUN x", failed: true }] },
    },
  });
  const map = { filename: "Dockerfile", text: "", steps: new Map([["sha256:a", [{ start: 1, end: 2 }]]]) };
  const told: BuildEvent[] = [
    ...events.start(),
    ...events.sourceMap(map),
    ...events.note("pulling"),
    ...events.warn("no such cache"),
    ...readFileSync(new URL(name, folder), "utf8")
      .trimEnd()
      .split("\n")
      .flatMap((line) => events.update(decodeRawJson(line)!, now())),
    ...events.finish(
      name.includes("fail") ? { kind: "failed", error } : { kind: "built", image: "sha256:b" },
      now(),
    ),
  ];
  const sent = told.map((event) => JSON.parse(JSON.stringify(envelope(event, "web"))));
  for (const event of sent)
    expect(buildEventSchema.safeParse(event).error?.message, JSON.stringify(event)).toBeUndefined();
  expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, index) => index + 1));
  expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
});

test("the envelope says whose event it is, and comes before what the event says", () => {
  const envelope = createEventEnvelope({
    now,
    newId: () => "id",
    agent: "a1",
    project: "shop",
    environment: "pr-7",
    deployment: "d1",
    attempt: 2,
    firstSeq: 9,
  });
  expect(JSON.stringify(envelope({ type: "build.started" }, "web"))).toBe(
    '{"v":1,"id":"id","at":"2026-11-22T17:00:00.125Z","agent":"a1","project":"shop","environment":"pr-7","deployment":"d1","attempt":2,"seq":9,"service":"web","type":"build.started"}',
  );
  expect(envelope({ type: "build.started" }).seq).toBe(10);
});

test("a local build belongs to nobody, and is its own first attempt", () => {
  const event = createEventEnvelope({ now, newId })({ type: "build.started" });
  expect(event).toMatchObject({
    agent: null,
    project: null,
    environment: null,
    deployment: null,
    attempt: 1,
    seq: 1,
  });
  expect("service" in event).toBe(false);
});

test("a field that is not described is refused", () => {
  const event = createEventEnvelope({ now, newId })({ type: "build.started", surprise: 1 });
  expect(buildEventSchema.safeParse(event).success).toBe(false);
});

test("the schema and the types agree", () => {
  type Parsed = z.infer<typeof buildEventSchema>;
  expectTypeOf<GalleyEvent<BuildEvent>["type"]>().toEqualTypeOf<Parsed["type"]>();
  expectTypeOf<GalleyEvent<BuildEvent>>().toExtend<DeepReadonly<Parsed>>();
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;
