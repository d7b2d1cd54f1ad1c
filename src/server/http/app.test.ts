import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import type { Identity } from "./access.js";
import { createHttp } from "./app.js";
import { identityOf, publicAccess, requireScope } from "./index.js";
import { createLog } from "./log.js";
import type { RateLimits } from "./rate-limits.js";
import type { App } from "./zod-app.js";

const somebody = (kind: Identity["kind"], scopes: Identity["scopes"]): Identity => ({
  kind,
  id: "tok1",
  name: "ci",
  user: { id: "usr1", email: "ada@example.org" },
  scopes,
});
const open: App[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

/** A server whose database is away when `database` says so; what it logs is in `lines`. */
async function server(options: { limits?: RateLimits; database?: () => Promise<void> } = {}) {
  const lines: string[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => lines.push(line) } });
  const app = await createHttp({
    log,
    store: {
      kind: "postgres",
      db: undefined as never,
      ping: options.database ?? (async () => {}),
      async close() {},
    },
    publicUrl: new URL("https://galley.example"),
    ...(options.limits ? { limits: options.limits } : {}),
    authenticator: {
      bySession: async (cookie) =>
        cookie === "good" ? somebody("session", ["read", "deploy", "admin"]) : undefined,
      byToken: async (token) =>
        token === "reader"
          ? somebody("token", ["read"])
          : token === "root"
            ? somebody("token", ["admin"])
            : undefined,
    },
    api(api) {
      api.get("/read", requireScope("read"), (request) => ({ by: identityOf(request).name }));
      api.post("/admin", requireScope("admin"), () => ({}));
      api.post(
        "/things",
        {
          ...publicAccess,
          schema: { body: z.strictObject({ name: z.string(), ports: z.array(z.int()).default([]) }) },
        },
        ({ body }) => ({ name: body.name }),
      );
      api.get("/asleep", { config: { access: "public", rateLimit: api.previewLimit } }, () => ({}));
      api.post("/guess", { config: { access: "public", rateLimit: api.guessLimit } }, () => ({}));
      api.get("/fault", publicAccess, () => {
        throw new TypeError("hunter2 is undefined");
      });
      api.get("/conflict", publicAccess, () => {
        throw new GalleyError("conflict", "The name is taken.", { hint: "Take another." });
      });
      api.get("/lost", publicAccess, () => {
        throw Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:5432"), {
          code: "ECONNREFUSED",
          syscall: "connect",
        });
      });
    },
  });
  open.push(app);
  return { app, lines };
}

describe("who may call", () => {
  test("a route that does not say who may call it cannot be registered", async () => {
    const { app } = await server();
    expect(() => app.get("/forgotten", () => ({}))).toThrow(/does not say who may call/);
  });

  test("a request without a valid session or token is unauthorized", async () => {
    const { app } = await server();
    for (const headers of [
      {},
      { authorization: "Bearer wrong" },
      { authorization: "Basic cm9vdDo=" },
      { cookie: "galley_session=wrong" },
      { cookie: "galley_session=good", authorization: "Bearer wrong" },
    ]) {
      const answer = await app.inject({ url: "/api/v1/read", headers: headers as Record<string, string> });
      expect(answer.statusCode).toBe(401);
      expect(answer.json()).toMatchObject({ code: "unauthorized", hint: expect.any(String) });
    }
  });

  test("a scope allows itself and what is below it, and nothing above", async () => {
    const { app } = await server();
    const call = async (method: "GET" | "POST", path: string, token: string) =>
      (await app.inject({ method, url: `/api/v1${path}`, headers: { authorization: `Bearer ${token}` } }))
        .statusCode;
    expect(await call("GET", "/read", "reader")).toBe(200);
    expect(await call("POST", "/admin", "reader")).toBe(403);
    expect(await call("GET", "/read", "root")).toBe(200);
    expect(await call("POST", "/admin", "root")).toBe(200);
  });

  test("a session changes nothing unless a page of this server has sent the request", async () => {
    const { app } = await server();
    const post = async (headers: Record<string, string>) =>
      (
        await app.inject({
          method: "POST",
          url: "/api/v1/admin",
          headers: { cookie: "galley_session=good", ...headers },
        })
      ).statusCode;
    expect(await post({})).toBe(403);
    expect(await post({ origin: "https://evil.example" })).toBe(403);
    expect(await post({ origin: "null" })).toBe(403);
    expect(await post({ "x-galley-csrf": "0" })).toBe(403);
    expect(await post({ origin: "https://galley.example" })).toBe(200);
    expect(await post({ "x-galley-csrf": "1" })).toBe(200);
    const read = await app.inject({ url: "/api/v1/read", headers: { cookie: "galley_session=good" } });
    expect(read.statusCode).toBe(200);
  });

  test("another site's page cannot post to a public route, such as the sign-in", async () => {
    const { app } = await server();
    const post = async (headers: Record<string, string>) =>
      (await app.inject({ method: "POST", url: "/api/v1/things", headers, payload: { name: "a" } }))
        .statusCode;
    expect(await post({ origin: "https://evil.example" })).toBe(403);
    expect(await post({})).toBe(200);
  });
});

describe("what is refused", () => {
  test("a body with wrong fields is refused, each by its name, without their values", async () => {
    const { app } = await server();
    const answer = await app.inject({
      method: "POST",
      url: "/api/v1/things",
      payload: { name: 5, ports: [1, "hunter2"], more: true },
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().code).toBe("invalid_request");
    expect(answer.json().message).toMatch(/`name` of the body.*`ports\.1` of the body.*"more"/);
    expect(answer.body).not.toContain("hunter2");
  });

  test.each([
    ["not JSON", "application/json", "{", 400],
    ["empty JSON", "application/json", "", 400],
    ["a form", "application/x-www-form-urlencoded", "name=a", 415],
    ["text", "text/plain", '{"name":"a"}', 415],
    ["too large", "application/json", JSON.stringify({ name: "a".repeat(600_000) }), 413],
    ["a list", "application/json", "[]", 400],
    ["a poisoned prototype", "application/json", '{"name":"a","__proto__":{"admin":true}}', 400],
  ])("a body that is %s is refused with a code", async (_, type, payload, status) => {
    const { app } = await server();
    const answer = await app.inject({
      method: "POST",
      url: "/api/v1/things",
      headers: { "content-type": type },
      payload,
    });
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code: "invalid_request", message: expect.any(String) });
  });

  test("a path that is no URL, and one that leads nowhere, are refused with a code", async () => {
    const { app } = await server();
    const broken = await app.inject({ url: "/api/v1/%zz" });
    expect([broken.statusCode, broken.json().code]).toEqual([400, "invalid_request"]);
    const unknown = await app.inject({ url: "/api/v1/nowhere" });
    expect([unknown.statusCode, unknown.json().code]).toEqual([404, "not_found"]);
  });

  test.each([
    ["what is not HTTP", "hello\r\n\r\n", /^HTTP\/1\.1 400 .*"invalid_request"/s],
    [
      "headers without end",
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${"a".repeat(40_000)}`,
      /^HTTP\/1\.1 431 .*"invalid_request"/s,
    ],
    [
      "two lengths that differ",
      "POST /api/v1/things HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
      /^HTTP\/1\.1 400 /,
    ],
  ])("%s is answered and the server goes on", async (_, bytes, expected) => {
    const { app } = await server();
    const { port } = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
    const answer = await new Promise<string>((done, fail) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(bytes));
      let text = "";
      socket.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      socket.on("error", fail).on("close", () => done(text));
    });
    expect(answer).toMatch(expected);
    expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
  });
});

test("A server that ends does not wait for connections that were opened ahead and never used.", {
  // Less than it waits for requests that are under way.
  timeout: 9_000,
}, async () => {
  const { app } = await server();
  const { port } = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
  const accepted = once(app.server, "connection");
  const socket = connect(Number(port), "127.0.0.1");
  const ended = once(socket, "close");
  await accepted;
  await app.close();
  await ended;
});

describe("failures", () => {
  test("an error of the catalogue is answered with its code, sentence and hint", async () => {
    const { app } = await server();
    const answer = await app.inject({ url: "/api/v1/conflict" });
    expect(answer.statusCode).toBe(409);
    expect(answer.json()).toEqual({ code: "conflict", message: "The name is taken.", hint: "Take another." });
  });

  test("a fault of ours tells the caller nothing but where the log has it", async () => {
    const { app, lines } = await server();
    const answer = await app.inject({ url: "/api/v1/fault" });
    expect(answer.statusCode).toBe(500);
    expect(answer.json().code).toBe("internal");
    expect(answer.body).not.toMatch(/hunter2|TypeError|\.ts/);
    const id = String(answer.headers["x-request-id"]);
    expect(answer.json().hint).toContain(id);
    expect(lines.find((line) => line.includes("hunter2"))).toContain(id);
  });

  test("a database that is away is answered with 503 and its code", async () => {
    const { app } = await server();
    const answer = await app.inject({ url: "/api/v1/lost" });
    expect([answer.statusCode, answer.json().code]).toEqual([503, "database_unreachable"]);
  });

  test("neither cookie nor token nor query reaches the log", async () => {
    const { app, lines } = await server();
    await app.inject({
      url: "/api/v1/read?token=hunter2",
      headers: { authorization: "Bearer hunter2", cookie: "galley_session=hunter2" },
    });
    await app.inject({ url: "/api/v1/fault?token=hunter3", headers: { authorization: "Bearer hunter3" } });
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join("")).not.toMatch(/Bearer|token=/);
  });
});

test("too many requests to a route that takes a password are refused with a time to come again", async () => {
  const { app } = await server({ limits: { guessesPerMinute: 3 } });
  const statuses: number[] = [];
  for (let n = 0; n < 5; n++)
    statuses.push((await app.inject({ method: "POST", url: "/api/v1/guess" })).statusCode);
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
  const answer = await app.inject({ method: "POST", url: "/api/v1/guess" });
  expect(answer.json()).toMatchObject({
    code: "rate_limited",
    hint: expect.stringMatching(/in \d+ seconds/),
  });
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
  expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
});

test("too many requests of an address to paths that are not there are refused, too", async () => {
  const { app } = await server({ limits: { perMinute: 3 } });
  const statuses: number[] = [];
  for (let n = 0; n < 4; n++) statuses.push((await app.inject({ url: `/wp-admin/${n}` })).statusCode);
  expect(statuses).toEqual([404, 404, 404, 429]);
});

test("who asks for a preview that sleeps uses up nothing of what the API takes from their address", async () => {
  const { app } = await server({ limits: { perMinute: 2 } });
  const statuses: number[] = [];
  for (const url of ["/asleep", "/asleep", "/asleep", "/read", "/read", "/read"])
    statuses.push((await app.inject({ url: `/api/v1${url}` })).statusCode);
  expect(statuses).toEqual([200, 200, 429, 401, 401, 429]);
});

test("every answer carries headers that keep browsers from doing more than they should", async () => {
  const { app } = await server();
  const { headers } = await app.inject({ url: "/api/v1/read" });
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
    "strict-transport-security": expect.any(String),
    "cache-control": "no-store",
    "x-request-id": expect.any(String),
  });
});

test("the server is not ready while the database is away, and healthy all the same", async () => {
  let away = true;
  const { app } = await server({
    database: async () => {
      if (away) throw new GalleyError("database_unreachable", "away");
    },
  });
  const ready = async () => {
    const answer = await app.inject({ url: "/readyz" });
    return [answer.statusCode, answer.json().checks.database];
  };
  expect(await ready()).toEqual([503, "unavailable"]);
  expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
  away = false;
  expect(await ready()).toEqual([200, "ok"]);
});

test("the API's description names every route with who may call it", async () => {
  const { app } = await server();
  const document = (await app.inject({ url: "/api/v1/openapi.json" })).json();
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths)).toEqual(
    expect.arrayContaining(["/api/v1/read", "/api/v1/things", "/healthz"]),
  );
  expect(document.paths["/api/v1/admin"].post.security).toEqual([{ session: [] }, { token: [] }]);
  expect(document.paths["/api/v1/things"].post.requestBody.content["application/json"].schema).toMatchObject({
    required: ["name"],
  });
});
