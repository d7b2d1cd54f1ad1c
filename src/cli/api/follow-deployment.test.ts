import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { type Api, createApi } from "./client.js";
import { followDeployment, type Told } from "./follow-deployment.js";
import { ServerSentEvents } from "./server-sent-events.js";

let server: Server;
let handle: (request: IncomingMessage, response: ServerResponse) => void = () => {};
let url = "";
const ending = new AbortController();
beforeEach(async () => {
  server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const api = (): Api => createApi({ url, credential: { token: "secret-token" }, signal: ending.signal });
const times = { firstPauseMs: 5, longestPauseMs: 20, giveUpMs: 2000, silenceMs: 10_000 };

const view = {
  ...{ id: "dep1234", project: "shop", environment: { id: "env1", name: "pr-7", pr: 7 }, number: 1 },
  ...{
    kind: "deploy",
    state: "running",
    final: true,
    ref: "main",
    commit: null,
    subject: null,
    author: null,
  },
  ...{ requestedBy: "ada", agent: null, attempt: 1, cancelling: null, createdAt: "", finishedAt: null },
  ...{ duration: null, url: null, services: null, error: null },
};

async function all(options: { signal?: AbortSignal; onLost?: () => void; onBack?: () => void } = {}) {
  const told: Told[] = [];
  const following = followDeployment({
    api: api(),
    deployment: "dep1234",
    signal: ending.signal,
    times,
    ...options,
  });
  for await (const each of following) told.push(each);
  return told;
}

const head = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" });

test.each([1, 2, 3, 7, 1000])("a stream is read whole when it comes in pieces of %i characters", (size) => {
  const text =
    ': hello\n\nid: 1\ndata: {"a":1}\n\nevent: deployment\r\ndata:x\r\ndata: y\r\n\r\nid: 2\rdata: z\r\revent: lost\n\ndata: end';
  const events = new ServerSentEvents();
  const found = [];
  for (let at = 0; at < text.length; at += size) found.push(...events.push(text.slice(at, at + size)));
  found.push(...events.push("\n\n"));
  expect(found).toEqual([
    { type: "message", data: '{"a":1}', id: "1" },
    { type: "deployment", data: "x\ny", id: "1" },
    { type: "message", data: "z", id: "2" },
    { type: "message", data: "end", id: "2" },
  ]);
});

test("a message without end does not fill the memory", () => {
  const events = new ServerSentEvents();
  const piece = `data: ${"x".repeat(1024 * 1024)}\n`;
  expect(() => {
    for (let count = 0; count < 40; count += 1) events.push(piece);
  }).toThrow(RangeError);
});

test("a stream that is cut goes on after the last event that came, and none is told twice", async () => {
  const asked: (string | undefined)[] = [];
  handle = (request, response) => {
    const after = request.headers["last-event-id"] as string | undefined;
    asked.push(after);
    const from = Number(after ?? 0);
    head(response);
    // Repeats one that was told, as a server could whose ids it does not remember.
    for (let id = Math.max(1, from); id <= Math.min(from + 3, 10); id += 1)
      response.write(`id: ${id}\ndata: ${JSON.stringify({ attempt: 1, seq: id })}\n\n`);
    if (from + 3 >= 10) response.end(`event: end\ndata: ${JSON.stringify(view)}\n\n`);
    else if (from === 3) response.end();
    else response.write("id: 99\ndata: {", () => response.destroy());
  };
  const lost: string[] = [];
  const told = await all({ onLost: () => lost.push("lost"), onBack: () => lost.push("back") });
  expect(told.flatMap((each) => (each.kind === "event" ? [each.event.seq] : []))).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
  ]);
  expect(asked).toEqual([undefined, "3", "6", "9"]);
  expect(told.at(-1)).toMatchObject({ kind: "end", deployment: { id: "dep1234" } });
  expect(lost).toEqual(["lost", "back", "lost", "back", "lost", "back"]);
});

test("a server that is restarted is waited for; one that refuses is not asked again", async () => {
  let calls = 0;
  handle = (_request, response) => {
    calls += 1;
    if (calls === 1) return void response.destroy();
    if (calls === 2) return void response.writeHead(503).end("<html>bad gateway</html>");
    response.writeHead(404, { "content-type": "application/json" });
    response.end(JSON.stringify({ code: "not_found", message: "There is no deployment dep1234." }));
  };
  await expect(all()).rejects.toMatchObject({
    code: "not_found",
    message: "There is no deployment dep1234.",
  });
  expect(calls).toBe(3);
});

test("a server that stays away is given up, with a word on what becomes of the deployment", async () => {
  handle = (_request, response) => void response.destroy();
  const following = followDeployment({
    api: api(),
    deployment: "dep1234",
    signal: ending.signal,
    times: { ...times, giveUpMs: 50 },
  });
  await expect(following.next()).rejects.toMatchObject({
    code: "control_plane_unreachable",
    hint: expect.stringContaining("galley env show dep1234"),
  });
});

test("a connection that has died without a word is made again", async () => {
  let calls = 0;
  handle = (_request, response) => {
    calls += 1;
    head(response);
    if (calls === 1) response.write('id: 1\ndata: {"attempt":1,"seq":1}\n\n');
    else response.end(`event: end\ndata: ${JSON.stringify(view)}\n\n`);
  };
  const following = followDeployment({
    api: api(),
    deployment: "dep1234",
    signal: ending.signal,
    times: { ...times, silenceMs: 50 },
  });
  const kinds = [];
  for await (const { kind } of following) kinds.push(kind);
  expect(kinds).toEqual(["event", "end"]);
});

test("following ends at once when it is told to, also while it waits for a server", async () => {
  const stop = new AbortController();
  handle = (_request, response) => void response.destroy();
  const reason = new Error("stop");
  const following = all({ signal: stop.signal, onLost: () => stop.abort(reason) });
  await expect(following).rejects.toBe(reason);
});

test.each([
  ["text/html", "<html>hello</html>", "does not know"],
  ["application/json", "{", "does not know"],
  ["application/json", '{"needed":"yes"}', "does not know"],
])("an answer that is none of Galley's is said to be so: %s %s", async (type, body, sentence) => {
  handle = (_request, response) => void response.writeHead(200, { "content-type": type }).end(body);
  await expect(api().get("/setup", z.looseObject({ needed: z.boolean() }))).rejects.toMatchObject({
    code: "control_plane_unreachable",
    message: expect.stringContaining(sentence),
  });
});

test("neither token nor body goes where a redirect points", async () => {
  const asked: (string | undefined)[] = [];
  handle = (request, response) => {
    asked.push(request.url);
    response.writeHead(307, { location: `${url}/elsewhere` }).end();
  };
  await expect(api().send("POST", "/session", { password: "x" })).rejects.toMatchObject({
    code: "control_plane_unreachable",
    hint: expect.stringContaining(url),
  });
  expect(asked).toEqual(["/api/v1/session"]);
});

test("what the server says of an error is told, without what could act on the terminal", async () => {
  handle = (request, response) => {
    expect(request.headers.authorization).toBe("Bearer secret-token");
    response.writeHead(409, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ code: "conflict", message: "Taken\u001b[2J.", hint: "Another\u0007 name." }),
    );
  };
  await expect(api().send("PUT", "/x", {})).rejects.toMatchObject({
    code: "conflict",
    message: "Taken.",
    hint: "Another name.",
  });
});

test("a server that is not there is one sentence with what to do", async () => {
  await new Promise((resolve) => server.close(resolve));
  const error = await api()
    .get("/me", z.unknown())
    .catch((failure: unknown) => failure);
  expect(error).toMatchObject({
    code: "control_plane_unreachable",
    message: `The server at ${url} cannot be reached: nothing listens there.`,
  });
});
