import { expect, test } from "vitest";
import { type RoutedContainer, routingTable } from "./table.js";

const container = (name: string, address: string, labels: Record<string, string>): RoutedContainer => ({
  id: name,
  name,
  labels: { "traefik.enable": "true", "traefik.docker.network": "private", ...labels },
  addresses: { other: "10.9.9.9", private: address },
  published: {},
});
const route = (router: string, host: string, more: Record<string, string> = {}) => ({
  [`traefik.http.routers.${router}.rule`]: `Host(\`${host}\`)`,
  [`traefik.http.services.${router}.loadbalancer.server.port`]: "80",
  ...Object.fromEntries(
    Object.entries(more).map(([key, value]) => [`traefik.http.routers.${router}.${key}`, value]),
  ),
});
const table = (...containers: RoutedContainer[]) => routingTable(containers, "web", false);

test("a host is served by its container, by the address on the network that it names", () => {
  const { upstream } = table(container("a", "10.0.0.2", route("a", "a.localhost")));
  const found = { host: "10.0.0.2", port: 80, container: "a" };
  for (const host of ["a.localhost", "A.LOCALHOST", "a.localhost:8088", "a.localhost.", "a.localhost.:80"])
    expect(upstream(host), host).toEqual(found);
  for (const host of ["b.localhost", "localhost", "", "x.a.localhost", "a.localhost/", "[::1]", "10.0.0.2"])
    expect(upstream(host), host).toBeUndefined();
});

test("the highest priority wins whatever the order, so that a newer deployment takes the requests", () => {
  const old = container("old", "10.0.0.2", route("env-1", "a.localhost", { priority: "1001" }));
  const next = container("new", "10.0.0.3", route("env-2", "a.localhost", { priority: "1002" }));
  expect(table(old, next).upstream("a.localhost")?.host).toBe("10.0.0.3");
  expect(table(next, old).upstream("a.localhost")?.host).toBe("10.0.0.3");
  expect(table(old).upstream("a.localhost")?.host).toBe("10.0.0.2");
});

test("a container is led to when it has the requests of every host that it asks for, and not before", () => {
  const old = container("old", "10.0.0.2", route("env-1", "a.localhost", { priority: "1001" }));
  const next = container("new", "10.0.0.3", route("env-2", "a.localhost", { priority: "1002" }));
  expect(table(old).leadsTo("old")).toBe(true);
  expect(table(old).leadsTo("new")).toBe(false);
  expect(table(old, next).leadsTo("old")).toBe(false);
  expect(table(old, next).leadsTo("new")).toBe(true);
  expect(table(container("none", "10.0.0.4", {})).leadsTo("none")).toBe(false);
  const secure = container("tls", "10.0.0.5", route("tls", "a.localhost", { entrypoints: "websecure" }));
  expect(table(secure).leadsTo("tls")).toBe(false);
  const two = container("two", "10.0.0.6", {
    ...route("two", "b.localhost"),
    "traefik.http.routers.more.rule": "Host(`a.localhost`)",
    "traefik.http.routers.more.service": "two",
  });
  expect(table(two).leadsTo("two")).toBe(true);
  expect(table(two, next).leadsTo("two")).toBe(false);
});

test("containers of one service take turns", () => {
  const { upstream } = table(
    container("a1", "10.0.0.2", route("a", "a.localhost")),
    container("a2", "10.0.0.3", route("a", "a.localhost")),
  );
  const asked = Array.from({ length: 6 }, () => upstream("a.localhost")?.host);
  expect(asked.filter((host) => host === "10.0.0.2")).toHaveLength(3);
  expect(asked.filter((host) => host === "10.0.0.3")).toHaveLength(3);
});

test("routers of one name that differ are both dropped, however many there are", () => {
  const { upstream, problems } = table(
    container("a", "10.0.0.2", route("r", "a.localhost")),
    container("b", "10.0.0.3", route("r", "b.localhost")),
    container("c", "10.0.0.4", route("r", "a.localhost")),
  );
  expect(upstream("a.localhost")).toBeUndefined();
  expect(upstream("b.localhost")).toBeUndefined();
  expect(problems).toEqual([expect.stringContaining("router r is defined in two ways")]);
});

test("only routers of the entry point count, and those that name none", () => {
  const { upstream } = table(
    container("a", "10.0.0.2", route("a", "a.localhost", { entrypoints: "websecure" })),
    container("b", "10.0.0.3", route("b", "b.localhost", { entrypoints: "websecure,web" })),
    container("c", "10.0.0.4", route("c", "c.localhost")),
  );
  expect(upstream("a.localhost")).toBeUndefined();
  expect(upstream("b.localhost")?.host).toBe("10.0.0.3");
  expect(upstream("c.localhost")?.host).toBe("10.0.0.4");
});

test("a network that is not there counts as not named; a container without an address has no route", () => {
  const lost = { ...container("a", "", route("a", "a.localhost")), addresses: { other: "10.9.9.9" } };
  expect(table(lost).upstream("a.localhost")?.host).toBe("10.9.9.9");
  const nowhere = table({ ...lost, addresses: {} });
  expect(nowhere.upstream("a.localhost")).toBeUndefined();
  expect(nowhere.problems).toHaveLength(1);
});

test("published ports are used where they are asked for and there, and addresses otherwise", () => {
  const both = { ...container("a", "10.0.0.2", route("a", "a.localhost")), published: { 80: 32768 } };
  const other = container("b", "10.0.0.3", route("b", "b.localhost"));
  const { upstream } = routingTable([both, other], "web", true);
  expect(upstream("a.localhost")).toMatchObject({ host: "127.0.0.1", port: 32768 });
  expect(upstream("b.localhost")).toMatchObject({ host: "10.0.0.3", port: 80 });
  expect(table(both).upstream("a.localhost")?.host).toBe("10.0.0.2");
});

test("names that mean something to JavaScript are names like others", () => {
  const { upstream } = table(
    container("a", "10.0.0.2", route("constructor", "constructor")),
    container("b", "10.0.0.3", route("__proto__", "__proto__")),
  );
  expect(upstream("constructor")?.host).toBe("10.0.0.2");
  expect(upstream("__proto__")?.host).toBe("10.0.0.3");
  expect(upstream("toString")).toBeUndefined();
});
