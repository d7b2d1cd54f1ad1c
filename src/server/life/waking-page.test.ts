import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { waitingAnswer } from "./waking-page.js";

test("a browser gets a page that looks again by itself, loads nothing, and whose style its own policy allows", () => {
  const { status, headers, body } = waitingAnswer("waking", true);
  expect(status).toBe(503);
  expect(headers).toMatchObject({ "retry-after": "2", "cache-control": "no-store" });
  expect(body).toContain('<meta http-equiv="refresh" content="2">');
  expect(body).not.toMatch(/<script|src=|href=|url\(/);
  const [, style = ""] = /<style>(.*)<\/style>/.exec(body) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  expect(headers["content-security-policy"]).toContain(`style-src 'sha256-${hash}'`);
  expect(headers["content-security-policy"]).toContain("default-src 'none'");
});

test("a host that nobody has is not found, and is not looked for again", () => {
  const { status, headers, body } = waitingAnswer("unknown", true);
  expect(status).toBe(404);
  expect(headers).not.toHaveProperty("retry-after");
  expect(body).not.toContain("refresh");
});

test("everything else gets text", () => {
  const { headers, body } = waitingAnswer("building", false);
  expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(body).toBe("The preview is being built\n\nThis page goes on to it by itself.\n");
});
