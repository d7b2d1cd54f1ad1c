import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { askRepository } from "./ask-repository.js";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function registry(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const soon = () => AbortSignal.timeout(5000);
const unknown = JSON.stringify({
  errors: [{ code: "NAME_UNKNOWN", message: "repository name not known to registry" }],
});

test("a list of tags says that the repository is there, NAME_UNKNOWN that it is not", async () => {
  const asked: (string | undefined)[] = [];
  const host = await registry((request, response) => {
    asked.push(request.url);
    if (request.url?.startsWith("/v2/a/b/")) response.end('{"name":"a/b","tags":["1"]}');
    else response.writeHead(404).end(unknown);
  });
  expect(await askRepository(`${host}/a/b:2`, soon())).toBe("present");
  expect(await askRepository(`${host}/a/c@sha256:${"0".repeat(64)}`, soon())).toBe("missing");
  expect(asked).toEqual(["/v2/a/b/tags/list?n=1", "/v2/a/c/tags/list?n=1"]);
});

test("where the registry works with tokens, one for everybody is fetched", async () => {
  const host = await registry((request, response) => {
    if (request.url?.startsWith("/token?")) {
      expect(new URL(request.url, "http://x").searchParams.get("scope")).toBe("repository:a/b:pull");
      response.end('{"token":"t0"}');
      return;
    }
    if (request.headers.authorization === "Bearer t0") {
      response.writeHead(404).end(unknown);
      return;
    }
    response
      .writeHead(401, {
        "www-authenticate": `Bearer realm="http://${request.headers.host}/token",service="s"`,
      })
      .end();
  });
  expect(await askRepository(`${host}/a/b:1`, soon())).toBe("missing");
});

test.each<[string, RequestListener]>([
  ["a 404 of something else", (_, response) => response.writeHead(404).end("<html>")],
  ["a refusal", (_, response) => response.writeHead(403).end(unknown)],
  ["a redirect", (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
  ["basic authentication", (_, response) => response.writeHead(401, { "www-authenticate": "Basic" }).end()],
  ["an answer that never ends", (_, response) => void response.writeHead(404).write("x".repeat(100_000))],
  [
    "a token server elsewhere without TLS",
    (_, response) =>
      response.writeHead(401, { "www-authenticate": 'Bearer realm="http://192.0.2.1/token"' }).end(),
  ],
  ["a closed connection", (request) => request.socket.destroy()],
])("%s says nothing", async (_, listener) => {
  expect(await askRepository(`${await registry(listener)}/a/b:1`, soon())).toBeUndefined();
});

test("link-local addresses and names that are none are not asked", async () => {
  expect(await askRepository("169.254.169.254/latest/meta-data:1", soon())).toBeUndefined();
  const host = await registry(() => expect.unreachable());
  expect(await askRepository(`${host}/a/../../secret:1`, soon())).toBeUndefined();
});
