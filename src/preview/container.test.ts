import { expect, test } from "vitest";
import type { Service } from "../manifest/index.js";
import { checkOf } from "./check.js";
import { containerOf as build, hookContainerOf, type Plan, settingsOf } from "./container.js";

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
  volumes: [],
  files: [],
  check: checkOf(service, { completed: false, routed: true, imageChecks: false, gateable: true }),
  gate: { test: ["CMD", "/gate"], startIntervalSeconds: 1 },
  host: "pr-1-shop.localhost",
  routing: undefined,
  published: false,
};

const names = { name: "galley-pv-env1-web-3", aliases: ["web"], links: { db: "galley-pv-env1-db-1" } };
const containerOf = (of: Plan, deployment: string, number: number) => build(of, names, deployment, number);

test("a public service's container says whose it is and where its requests come from", () => {
  const { name, labels, aliases, links, publish, healthCheck } = containerOf(plan, "dep1", 3);
  expect(name).toBe("galley-pv-env1-web-3");
  expect(aliases).toEqual(["web"]);
  expect(links).toEqual({ db: "galley-pv-env1-db-1" });
  expect(healthCheck).toEqual(plan.gate);
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
    { ...plan, volumes: [{ target: "/data", name: "v", readOnly: false, shared: false, fresh: false }] },
    { ...plan, files: [{ target: "/a", content: Buffer.from("1"), mode: 0o444 }] },
    { ...plan, files: [{ target: "/a", content: Buffer.from("2"), mode: 0o444 }] },
    { ...plan, check: { ...plan.check, seconds: 5 } },
    { ...plan, service: { ...service, entrypoint: ["y"] } },
    { ...plan, service: { ...service, user: "1000" } },
    { ...plan, service: { ...service, workingDirectory: "/srv" } },
    { ...plan, service: { ...service, restart: "on-failure" } },
    { ...plan, service: { ...service, healthCheck: "none" } },
    { ...plan, host: "pr-2-shop.localhost" },
    { ...plan, routing: { tls: true } },
    { ...plan, published: true },
    { ...plan, service: { ...service, expose: 81 } },
    { ...plan, service: { ...service, command: ["x"] } },
  ];
  expect(new Set([plan, ...changed].map(settingsOf)).size).toBe(changed.length + 1);
  const [one, two] = [containerOf(plan, "dep1", 1), containerOf({ ...plan }, "dep2", 2)];
  expect(one.labels["sh.galley.settings"]).toBe(two.labels["sh.galley.settings"]);
});

test("a volume of a single deployment is another one each time, and no reason to make the container anew", () => {
  const of = (name: string) => ({
    ...plan,
    volumes: [{ target: "/d", name, readOnly: false, shared: true, fresh: true }],
  });
  expect(settingsOf(of("v.1"))).toBe(settingsOf(of("v.2")));
});

test("what shall restart always is not started with the engine once it was stopped, and what shall end is not started again", () => {
  const restart = (more: Partial<Service>, once = false) =>
    containerOf({ ...plan, service: { ...service, ...more }, check: { ...plan.check, once } }, "dep1", 1)
      .restart;
  expect(restart({})).toBe("unless-stopped");
  expect(restart({ restart: "always" })).toBe("unless-stopped");
  expect(restart({ restart: "on-failure" })).toBe("on-failure");
  expect(restart({ restart: "no" })).toBe("no");
  expect(restart({}, true)).toBe("no");
});

test("a hook runs its whole command as the service would, is found by nobody, and is no service", () => {
  const spec = hookContainerOf(plan, names, ["npm", "run", "migrate"], "dep1");
  expect(spec).toMatchObject({
    image: "sha256:a",
    env: plan.env,
    entrypoint: ["npm"],
    command: ["run", "migrate"],
    aliases: [],
    links: names.links,
    restart: "no",
    healthCheck: "none",
  });
  expect(spec.labels["sh.galley.role"]).toBe("hook");
  expect(Object.keys(spec.labels).filter((key) => key.startsWith("traefik"))).toEqual([]);
});
