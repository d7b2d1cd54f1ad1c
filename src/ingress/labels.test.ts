import { expect, test } from "vitest";
import { readLabels } from "./labels.js";

// The names of labels, their defaults and what they mean are those of Traefik's page on its Docker provider:
// https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
const enabled = { "traefik.enable": "true" };
const rule = { "traefik.http.routers.r.rule": "Host(`a.localhost`)" };
const port = { "traefik.http.services.s.loadbalancer.server.port": "8080" };
const read = (labels: Record<string, string>) => readLabels({ ...enabled, ...labels });

test("a router with one service is assigned to it without being told so", () => {
  expect(read({ ...rule, ...port, "traefik.docker.network": "mine" })).toEqual({
    network: "mine",
    routers: [{ name: "r", hosts: ["a.localhost"], priority: 19, entrypoints: undefined, service: "s" }],
    services: new Map([["s", 8080]]),
    problems: [],
  });
});

test("several routers of one container name their services", () => {
  const found = read({
    "traefik.http.routers.www.rule": "Host(`a.example`)",
    "traefik.http.routers.www.service": "www-service",
    "traefik.http.services.www-service.loadbalancer.server.port": "8000",
    "traefik.http.routers.admin.rule": "Host(`b.example`)",
    "traefik.http.routers.admin.service": "admin-service@docker",
    "traefik.http.services.admin-service.loadbalancer.server.port": "9000",
  });
  expect(found?.routers.map(({ name, service }) => [name, service])).toEqual([
    ["www", "www-service"],
    ["admin", "admin-service"],
  ]);
  const unsaid = read({
    ...rule,
    ...port,
    "traefik.http.services.other.loadbalancer.server.port": "1",
  });
  expect(unsaid?.routers).toEqual([]);
  expect(unsaid?.problems).toEqual([expect.stringContaining("which of several services")]);
});

test.each(["true", "TRUE", "True", "t", "T", "1"])("traefik.enable=%s exposes a container", (value) => {
  expect(readLabels({ "traefik.enable": value })).toBeDefined();
});

test.each(["false", "0", "", "yes", "on", " true"])("traefik.enable=%j does not", (value) => {
  expect(readLabels({ "traefik.enable": value, ...rule, ...port })).toBeUndefined();
  expect(readLabels({ ...rule, ...port })).toBeUndefined();
});

test("labels are case-insensitive", () => {
  const found = readLabels({
    "Traefik.Enable": "true",
    "traefik.HTTP.Routers.R.Rule": "Host(`A.localhost`)",
    "traefik.http.routers.r.entryPoints": "web, websecure",
    "traefik.http.services.S.loadBalancer.server.Port": "80",
  });
  expect(found?.routers).toEqual([
    { name: "r", hosts: ["a.localhost"], priority: 19, entrypoints: ["web", "websecure"], service: "s" },
  ]);
});

test("a priority is a number, and 0 the length of the rule", () => {
  const priorityOf = (priority: string) =>
    read({ ...rule, ...port, "traefik.http.routers.r.priority": priority })?.routers[0]?.priority;
  expect(["42", "-1", "0", "1000000"].map(priorityOf)).toEqual([42, -1, 19, 1_000_000]);
  expect(priorityOf("high")).toBeUndefined();
});

// Everything else that the page lists for routers: some of it guards who may see the answer.
test.each([
  ["middlewares", "auth"],
  ["tls", "true"],
  ["tls.certresolver", "dns"],
  ["tls.domains[0].main", "example.org"],
  ["tls.options", "strict"],
])("a router with the option %s gets no route, and that is said", (option, value) => {
  const found = read({ ...rule, ...port, [`traefik.http.routers.r.${option}`]: value });
  expect(found?.routers).toEqual([]);
  expect(found?.problems).toEqual([expect.stringContaining(option)]);
});

test.each(["ruleSyntax", "observability.accesslogs", "observability.metrics", "observability.tracing"])(
  "a router's option %s changes nothing of where its requests go",
  (option) => {
    expect(read({ ...rule, ...port, [`traefik.http.routers.r.${option}`]: "true" })?.routers).toHaveLength(1);
  },
);

test.each(["0", "65536", "http", "", "-1", "8080/tcp"])("%j is no port of a service", (value) => {
  const found = read({ ...rule, "traefik.http.services.s.loadbalancer.server.port": value });
  expect(found?.services.size).toBe(0);
  expect(found?.routers).toEqual([]);
});

test.each([
  ["Host(`a.localhost`)", ["a.localhost"]],
  ["Host(`a.localhost`) || Host(`B.localhost`)", ["a.localhost", "b.localhost"]],
  ["Host(`a.localhost`, `b.localhost`)", ["a.localhost", "b.localhost"]],
  [' host("a.localhost.") ', ["a.localhost"]],
])("the rule %s is about hosts", (text, hosts) => {
  expect(read({ ...port, "traefik.http.routers.r.rule": text })?.routers[0]?.hosts).toEqual(hosts);
});

test.each([
  "Host(`a.localhost`) && PathPrefix(`/admin`)",
  "!Host(`a.localhost`)",
  "(Host(`a.localhost`))",
  "HostRegexp(`.*`)",
  "PathPrefix(`/`)",
  "Host(`a.localhost`) || PathPrefix(`/`)",
  "Host(a.localhost)",
  "Host(``)",
  "Host(`a b`)",
  "Host(`*.localhost`)",
  "Host(`a`) Host(`b`)",
  "",
])("the rule %j is more than hosts, and gets no route", (text) => {
  const found = read({ ...port, "traefik.http.routers.r.rule": text });
  expect(found?.routers).toEqual([]);
  expect(found?.problems).toHaveLength(1);
});
