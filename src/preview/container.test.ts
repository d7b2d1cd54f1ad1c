import { expect, test } from "vitest";
import type { Service } from "../manifest/index.js";
import { containerOf, type Plan, settingsOf } from "./container.js";

const service: Service = {
  name: "web",
  kind: "web",
  image: "nginx",
  expose: 80,
  env: { A: "1" },
  dependsOn: [],
};
const plan: Plan = {
  owner: { agent: "agt1", project: "shop", environment: "env1" },
  service,
  image: "sha256:a",
  network: "galley-pv-env1",
  env: { A: "1", TOKEN: "s3cret" },
  limits: { cpus: 1, memory: 64 },
  volumes: {},
  host: "pr-1-shop.localhost",
  routing: undefined,
  published: false,
};

test("a public service's container says whose it is and where its requests come from", () => {
  const { name, labels, aliases, publish } = containerOf(plan, "dep1", 3);
  expect(name).toBe("galley-pv-env1-web-3");
  expect(aliases).toEqual(["web"]);
  expect(publish).toEqual({});
  expect(labels).toMatchObject({
    "sh.galley.agent": "agt1",
    "sh.galley.project": "shop",
    "sh.galley.environment": "env1",
    "sh.galley.deployment": "dep1",
    "sh.galley.service": "web",
    "traefik.enable": "true",
    "traefik.docker.network": "galley-pv-env1",
    "traefik.http.routers.env1-web-3.rule": "Host(`pr-1-shop.localhost`)",
    "traefik.http.routers.env1-web-3.entrypoints": "web",
    "traefik.http.routers.env1-web-3.priority": "1003",
    "traefik.http.routers.env1-web-3.service": "env1-web-3",
    "traefik.http.services.env1-web-3.loadbalancer.server.port": "80",
  });
  expect(JSON.stringify(labels)).not.toContain("s3cret");
});

test("with TLS the router asks for it, on the entry point for it, with the resolver that is configured", () => {
  const { labels } = containerOf({ ...plan, routing: { tls: true, certResolver: "dns" } }, "dep1", 1);
  expect(labels).toMatchObject({
    "traefik.http.routers.env1-web-1.entrypoints": "websecure",
    "traefik.http.routers.env1-web-1.tls": "true",
    "traefik.http.routers.env1-web-1.tls.certresolver": "dns",
  });
});

test("a service without a host name has no label for the proxy, and nobody gets the right to change networks", () => {
  const { labels, capabilities } = containerOf({ ...plan, host: undefined }, "dep1", 1);
  expect(Object.keys(labels).filter((key) => key.startsWith("traefik"))).toEqual([]);
  expect(capabilities).toContain("CHOWN");
  for (const refused of ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "ALL"])
    expect(capabilities).not.toContain(refused);
});

test("every setting of a container counts, and nothing else: neither the deployment nor its number", () => {
  const changed: Plan[] = [
    { ...plan, image: "sha256:b" },
    { ...plan, env: { A: "2" } },
    { ...plan, limits: { cpus: 2 } },
    { ...plan, volumes: { "/data": "v" } },
    { ...plan, host: "pr-2-shop.localhost" },
    { ...plan, routing: { tls: true } },
    { ...plan, published: true },
    { ...plan, service: { ...service, expose: 81 } },
    { ...plan, service: { ...service, command: ["x"] } },
    { ...plan, service: { ...service, health: { path: "/", status: 200, timeoutSeconds: 1 } } },
  ];
  expect(new Set([plan, ...changed].map(settingsOf)).size).toBe(changed.length + 1);
  const [one, two] = [containerOf(plan, "dep1", 1), containerOf({ ...plan }, "dep2", 2)];
  expect(one.labels["sh.galley.settings"]).toBe(two.labels["sh.galley.settings"]);
});
