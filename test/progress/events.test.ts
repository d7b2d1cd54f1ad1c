import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";

import { BuildEvents } from "../../src/buildkit/index.js";
import { buildEventSchema, createEventEnvelope } from "../../src/events/index.js";
import { onEachEngine } from "../support/engines.js";
import { createContext, ours } from "./buildx.js";

const dockerfile = `FROM busybox AS made
RUN echo out; echo problem >&2; printf 'no end'
FROM busybox
COPY --from=made /etc/passwd /
RUN echo before; exit 3
`;

onEachEngine((engine) => {
  test("the events of a real build pass their schema and tell what happened to each step", async () => {
    const context = await createContext({ Dockerfile: dockerfile });
    onTestFinished(context.remove);
    const events = new BuildEvents();
    const envelope = createEventEnvelope({ now: Date.now, newId: randomUUID });
    const messages = await ours(engine, context.path, { "no-cache": "" });
    const told = [
      ...events.start(),
      ...messages.flatMap((status) => events.update(status, Date.now())),
      ...events.finish({ kind: "cancelled" }, Date.now()),
    ].map((event) => buildEventSchema.parse(JSON.parse(JSON.stringify(envelope(event, "web")))));
    expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
    const states = new Map(
      told.flatMap((event) => (event.type === "step.updated" ? [[event.name, event.state]] : [])),
    );
    const state = (part: string) => [...states].find(([name]) => name.includes(part))?.[1];
    expect([state("echo out"), state("COPY --from"), state("exit 3")]).toEqual(["done", "done", "failed"]);
    const lines = told.flatMap((event) => (event.type === "step.log" ? event.lines : []));
    expect(lines.map(({ stream, text }) => `${stream} ${text}`).sort()).toEqual([
      "stderr problem",
      "stdout before",
      "stdout no end",
      "stdout out",
    ]);
  });
});
