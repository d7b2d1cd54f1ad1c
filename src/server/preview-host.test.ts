import { expect, test } from "vitest";
import { previewHost } from "./preview-host.js";

const config = {
  ingress: { scheme: "http", domain: "previews.example.org", port: null } as const,
  publicUrl: new URL("https://galley.previews.example.org"),
};

test("what is below the domain of previews is a preview's, but for the server itself", () => {
  expect(previewHost("pr-1-shop.previews.example.org", config)).toBe("pr-1-shop.previews.example.org");
  expect(previewHost("API.PR-1-shop.previews.example.org.:8000", config)).toBe(
    "api.pr-1-shop.previews.example.org",
  );
  for (const host of [
    "galley.previews.example.org",
    "galley.previews.example.org:8080",
    "previews.example.org",
    "example.org",
    "10.0.0.1:8080",
    "[::1]:8080",
    "evilpreviews.example.org",
    "a.previews.example.org.evil.net",
    "a/b.previews.example.org",
    "",
  ])
    expect(previewHost(host, config), host).toBeUndefined();
});

test("on one machine, localhost is the server and what is below it are previews", () => {
  const local = {
    ingress: { ...config.ingress, domain: "localhost" },
    publicUrl: new URL("http://localhost:8080"),
  };
  expect(previewHost("pr-1-shop.localhost:8000", local)).toBe("pr-1-shop.localhost");
  for (const host of ["localhost", "localhost:8080", "127.0.0.1:8080"])
    expect(previewHost(host, local)).toBeUndefined();
});
