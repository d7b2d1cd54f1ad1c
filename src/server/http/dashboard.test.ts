import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createHttp } from "./app.js";
import { findDashboard } from "./dashboard-files.js";
import { createLog } from "./log.js";
import type { App } from "./zod-app.js";

const script = `${"console.log('ahoy');".repeat(200)}\n`;
let root: string;
let app: App;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "galley-dashboard-"));
  const built = join(root, "dist/dashboard");
  mkdirSync(join(built, "assets"), { recursive: true });
  writeFileSync(join(built, "index.html"), "<!doctype html><title>Galley</title>");
  writeFileSync(join(built, "galley.svg"), "<svg/>");
  writeFileSync(join(built, "assets/index-AbC123.js"), script);
  writeFileSync(join(built, "assets/index-AbC123.css"), "body{}");
  writeFileSync(join(built, ".sources"), "not for anybody");
  app = await createHttp({
    log: createLog({ level: "silent" }),
    store: { kind: "postgres", db: undefined as never, ping: async () => {}, close: async () => {} },
    publicUrl: new URL("http://galley.example"),
    authenticator: { bySession: async () => undefined, byToken: async () => undefined },
    api: () => {},
    dashboard: built,
  });
});
afterAll(async () => {
  await app.close();
  rmSync(root, { recursive: true, force: true });
});

test("every address of the application is answered with the page, and anything else is not", async () => {
  for (const url of ["/", "/projects", "/projects/shop", "/environments/e1", "/deployments/d1?service=web"]) {
    const answer = await app.inject({ url });
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "text/html; charset=utf-8"]);
    expect(answer.body).toContain("<title>Galley</title>");
  }
  for (const url of [
    "/api/v1/nowhere",
    "/wp-admin",
    "/projects/shop/more",
    "/.sources",
    "/assets/../.sources",
  ]) {
    const answer = await app.inject({ url });
    expect([answer.statusCode, answer.json().code]).toEqual([404, "not_found"]);
  }
});

test("the page may run its own script and ask its own server, and nothing else", async () => {
  const { headers } = await app.inject({ url: "/" });
  const policy = String(headers["content-security-policy"]);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("connect-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*|data:|blob:/);
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
  });
});

test("what has a hash in its name is kept for ever, and its type is its own", async () => {
  const js = await app.inject({ url: "/assets/index-AbC123.js" });
  expect(js.headers["content-type"]).toBe("text/javascript; charset=utf-8");
  expect(js.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  expect(js.body).toBe(script);
  const css = await app.inject({ url: "/assets/index-AbC123.css" });
  expect(css.headers["content-type"]).toBe("text/css; charset=utf-8");
  expect((await app.inject({ url: "/galley.svg" })).headers["cache-control"]).toBe("public, max-age=3600");
});

test("who takes gzip gets it, and who does not gets the bytes as they are", async () => {
  const ask = (encoding: string) =>
    app.inject({ url: "/assets/index-AbC123.js", headers: { "accept-encoding": encoding } });
  const packed = await ask("br, gzip");
  expect([packed.headers["content-encoding"], packed.headers.vary]).toEqual(["gzip", "accept-encoding"]);
  expect(packed.rawPayload.length).toBeLessThan(script.length / 10);
  expect(gunzipSync(packed.rawPayload).toString()).toBe(script);
  for (const encoding of ["", "br", "gzip;q=0"]) {
    const plain = await ask(encoding);
    expect([plain.headers["content-encoding"], plain.body]).toEqual([undefined, script]);
  }
});

test("the pages are no part of the API's description", async () => {
  const { paths } = (await app.inject({ url: "/api/v1/openapi.json" })).json();
  expect(Object.keys(paths).filter((path) => !path.startsWith("/api/") && !path.endsWith("z"))).toEqual([]);
});

test("the built dashboard is found from the sources, from dist and from the bundled command", () => {
  const built = join(root, "dist/dashboard");
  for (const place of ["src/server/http", "dist/src/server/http", "dist/cli"])
    expect(findDashboard(join(root, place))).toBe(built);
  expect(findDashboard(tmpdir())).toBeUndefined();
});
