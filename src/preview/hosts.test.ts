import { expect, test } from "vitest";
import { parseManifest } from "../manifest/index.js";
import { hostsOf, type Ingress } from "./hosts.js";

const local: Ingress = { scheme: "http", domain: "localhost", port: 8088 };
const shop = parseManifest(`version: 1
services:
  web: { kind: web, image: a, expose: 80 }
  api: { kind: api, image: a, expose: 3000 }
  db: { kind: database, image: a, expose: 5432 }
`);
const two = parseManifest(`version: 1
services:
  web: { kind: web, image: a, expose: 80 }
  admin: { kind: web, image: a, expose: 81 }
`);
const hostOf = (name: string, project: string, domain = "localhost") =>
  [...hostsOf(shop, { name, project }, { ...local, domain }).values()][0]?.host ?? "";

test("the one public service has the environment's name, with the port of the ingress", () => {
  expect([...hostsOf(shop, { name: "pr-1", project: "shop" }, local)]).toEqual([
    ["web", { host: "pr-1-shop.localhost", url: "http://pr-1-shop.localhost:8088" }],
  ]);
  const outside: Ingress = { scheme: "https", domain: "previews.example.org", port: null };
  expect(hostsOf(shop, { name: "pr-12", project: "shop" }, outside).get("web")?.url).toBe(
    "https://pr-12-shop.previews.example.org",
  );
});

test("several public services have their own names in front of it, in the manifest's order", () => {
  expect([...hostsOf(two, { name: "pr-1", project: "shop" }, local)].map(([, { host }]) => host)).toEqual([
    "web.pr-1-shop.localhost",
    "admin.pr-1-shop.localhost",
  ]);
});

test("without a service of kind web it is an api, else the first that exposes a port and is no database", () => {
  const publicOf = (services: string) => [
    ...hostsOf(
      parseManifest(`version: 1\nservices:\n${services}`),
      { name: "pr-1", project: "p" },
      local,
    ).keys(),
  ];
  expect(
    publicOf("  db: {kind: database, image: a, expose: 1}\n  a: {kind: api, image: a, expose: 2}"),
  ).toEqual(["a"]);
  expect(
    publicOf(
      "  db: {kind: database, image: a, expose: 1}\n  x: {image: a, expose: 2}\n  y: {image: a, expose: 2}",
    ),
  ).toEqual(["x"]);
  expect(
    publicOf("  db: {kind: database, image: a, expose: 1}\n  w: {kind: worker, image: a, expose: 2}"),
  ).toEqual([]);
  expect(publicOf("  web: {kind: web, image: a}\n  x: {image: a, expose: 2}")).toEqual(["x"]);
});

test("no label has more than 63 characters and no name more than 253; what is cut stays apart and the same", () => {
  const long = "p".repeat(40);
  const [a, b] = [hostOf(`ref-${"x".repeat(60)}a`, long), hostOf(`ref-${"x".repeat(60)}b`, long)];
  expect(a).toMatch(/^[a-z0-9-]{63}\.localhost$/);
  expect(a).not.toBe(b);
  expect(hostOf(`ref-${"x".repeat(60)}a`, long)).toBe(a);
  const deep = Array(4).fill("d".repeat(55)).join(".");
  const host = hostOf("pr-1", long, deep);
  expect(host.length).toBeLessThanOrEqual(253);
  expect(host.split(".").every((label) => label.length <= 63)).toBe(true);
  const names = Array.from({ length: 300 }, (_, length) => hostOf(`ref-${"y".repeat(length)}`, long));
  expect(new Set(names).size).toBe(300);
});

test("names that a host cannot hold become some that it can, and stay apart", () => {
  const names = [
    "ref-a/b",
    "ref-a-b",
    "ref-A-b",
    "ref-a_b",
    "ref-ä",
    "ref-`||Host(`x",
    "ref-",
    "ref-a b",
  ].map((name) => hostOf(name, "shop"));
  for (const name of names) expect(name).toMatch(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.localhost$/);
  expect(new Set(names).size).toBe(names.length);
  const dash = parseManifest(
    "version: 1\nservices: {a-: {kind: web, image: a, expose: 1}, a: {kind: web, image: a, expose: 1}}",
  );
  const hosts = [...hostsOf(dash, { name: "pr-1", project: "shop" }, local).values()].map(({ host }) => host);
  expect(hosts[0]).toMatch(/^a-[0-9a-f]{8}\.pr-1-shop\.localhost$/);
  expect(hosts[1]).toBe("a.pr-1-shop.localhost");
});

test("two environments whose names and projects read the same in a row have two hosts", () => {
  expect(hostOf("ref-a", "b-c")).not.toBe(hostOf("ref-a-b", "c"));
  expect(hostOf("pr-1", "b-c")).toBe("pr-1-b-c.localhost");
});

test.each(["", "a..b", "*.example.org", "http://x", "x:80", "a b", "x`", "-a", `${"a".repeat(64)}`, ".x"])(
  "%j is refused as a domain",
  (domain) => {
    expect(() => hostOf("pr-1", "shop", domain)).toThrow("is not a domain");
  },
);

test("a domain that leaves no room is refused", () => {
  const domain = `${Array(4).fill("d".repeat(60)).join(".")}.${"d".repeat(5)}`;
  expect(() => hostOf("pr-1", "shop", domain)).toThrow("too long");
});
