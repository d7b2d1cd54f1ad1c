import { expect, test } from "vitest";
import { ServerSentEvents } from "./sse.js";

const stream = 'id: 7\ndata: {"a":1}\n\n: still here\n\nevent: end\ndata: {"b":"x: y"}\n\n';

test("events come out whole, wherever the stream is cut", () => {
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const events = new ServerSentEvents();
    expect([...events.push(stream.slice(0, cut)), ...events.push(stream.slice(cut))]).toEqual([
      { id: "7", type: "message", data: '{"a":1}' },
      { id: "", type: "end", data: '{"b":"x: y"}' },
    ]);
  }
});

test("an event that has not ended is not told", () => {
  expect(new ServerSentEvents().push("id: 1\ndata: {")).toEqual([]);
});
