import { expect, test } from "vitest";
import { parseAgentConfig } from "./config.js";
import { routingOf } from "./routing.js";

const least = { GALLEY_CONTROL_PLANE_URL: "http://galley:8080/", GALLEY_NATS_URL: "nats://bus:4222" };
const of = (scheme: "http" | "https", env: Record<string, string>) =>
  routingOf(scheme, parseAgentConfig({ ...least, ...env }));

test("entry points, TLS and the certificate resolver are those of the agent's settings", () => {
  expect(of("http", {})).toEqual({ tls: false, entrypoints: undefined, certResolver: undefined });
  expect(
    of("http", {
      GALLEY_ENTRYPOINTS: "public,internal",
      GALLEY_TLS_ENABLED: "true",
      GALLEY_CERT_RESOLVER: "dns",
    }),
  ).toEqual({ tls: true, entrypoints: ["public", "internal"], certResolver: "dns" });
});

test("where the URLs of previews are https, the proxy has TLS for them", () => {
  expect(of("https", {})).toMatchObject({ tls: true });
});

test("names that a label cannot hold are no entry points", () => {
  for (const names of ["a b", "web,", "a`b", "x".repeat(65)])
    expect(() => of("http", { GALLEY_ENTRYPOINTS: names }), names).toThrow("GALLEY_ENTRYPOINTS");
});
