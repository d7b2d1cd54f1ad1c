// What can be said about the compose project without an engine: Traefik itself cannot be had here, so its options and our labels are held
// to what it documents.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { describeAgentConfig } from "../../src/agent/config.js";
import { routeLabels } from "../../src/preview/routes.js";
import { describeSettings } from "../../src/server/config/settings.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const text = read("docker-compose.yml");

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly networks?: unknown;
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly privileged?: boolean;
}
const { services, networks, volumes } = parse(text) as {
  services: Record<string, Service>;
  networks: Record<string, { name: string; internal?: boolean }>;
  volumes: Record<string, unknown>;
};
const service = (name: string): Service => services[name] ?? expect.fail(`there is no service ${name}`);
const networksOf = ({ networks: named = [] }: Service) =>
  Array.isArray(named) ? named : Object.keys(named as object);

test("the agent's service is word for word that of the documentation", () => {
  const documentedService = `
  galley-agent:
    image: galleysh/agent:v1
    restart: unless-stopped
    depends_on: [galley-server]
    environment:
      GALLEY_CONTROL_PLANE_URL: \${GALLEY_PUBLIC_URL}
      GALLEY_NATS_URL: nats://bus:4222
      GALLEY_AGENT_TOKEN: \${GALLEY_AGENT_TOKEN}
      GALLEY_DATA_DIR: /var/lib/galley
      GALLEY_PUBLIC_NETWORK: galley-public
      GALLEY_TLS_ENABLED: "true"
      GALLEY_CERT_RESOLVER: le
    volumes:
      - /var/run/docker.sock:/var/run/docker.sock
      - galley-agent-data:/var/lib/galley
    networks:
      - galley-internal
      - galley-public

`;
  expect(text).toContain(documentedService);
});

test("nothing but the proxy is published, bus and database are on the internal network alone, and nothing is privileged", () => {
  const published = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
  expect(published.map(([name, { ports }]) => [name, ports])).toEqual([["proxy", ["80:80", "443:443"]]]);
  expect(networksOf(service("bus"))).toEqual(["galley-internal"]);
  expect(networksOf(service("postgres"))).toEqual(["galley-internal"]);
  expect(networksOf(service("proxy"))).toEqual(["galley-public"]);
  expect(networks).toEqual({
    "galley-internal": { name: "galley-internal", internal: true },
    "galley-public": { name: "galley-public" },
  });
  expect(Object.values(services).filter(({ privileged }) => privileged)).toEqual([]);
  // The engine's socket is root: nobody has it who does not work with it.
  const withSocket = Object.entries(services).filter(([, { volumes: mounted = [] }]) =>
    mounted.some((mount) => mount.includes("docker.sock")),
  );
  expect(withSocket.map(([name]) => name)).toEqual(["proxy", "galley-agent"]);
});

test("every image has a version, and every volume is used", () => {
  for (const { image } of Object.values(services)) expect(image).toMatch(/^[a-z]+(\/[a-z]+)?:v?\d/);
  const mounted = Object.values(services).flatMap(({ volumes: all = [] }) =>
    all.map((mount) => mount.split(":")[0]),
  );
  for (const name of Object.keys(volumes)) expect(mounted).toContain(name);
});

test(".env.example has every variable that the project wants, and no other", () => {
  const wanted = new Set([...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name));
  const given = [...read(".env.example").matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(new Set(given)).toEqual(wanted);
});

test("server and agent know every variable that they are given", () => {
  const known = { "galley-server": describeSettings(), "galley-agent": describeAgentConfig() };
  for (const [name, variables] of Object.entries(known))
    for (const variable of Object.keys(service(name).environment ?? {}))
      expect(variables.map((one) => one.name)).toContain(variable);
});

/** Of Traefik 3's reference of static options: those that we use, and what they take. */
const options: Readonly<Record<string, RegExp>> = {
  "providers.docker": /^true$/,
  "providers.docker.exposedbydefault": /^(true|false)$/,
  "providers.docker.network": /^[a-z-]+$/,
  "entrypoints.NAME.address": /^([\d.]+)?:\d+$/,
  "entrypoints.NAME.http.redirections.entrypoint.to": /^[a-z]+$/,
  "entrypoints.NAME.http.redirections.entrypoint.scheme": /^https?$/,
  ping: /^true$/,
  "certificatesresolvers.NAME.acme.email": /^\$\{GALLEY_ACME_EMAIL\}$/,
  "certificatesresolvers.NAME.acme.storage": /^\/\S+\.json$/,
  "certificatesresolvers.NAME.acme.httpchallenge.entrypoint": /^[a-z]+$/,
};
/** Options in lower case, as Traefik does not mind. */
const given = new Map(
  (service("proxy").command ?? []).map((flag) => {
    const [, name = "", value = ""] = /^--([^=]+)=(.*)$/.exec(flag) ?? [];
    return [name.toLowerCase(), value] as const;
  }),
);
const entryPoints = [...given.keys()].flatMap(
  (name) => /^entrypoints\.([a-z]+)\.address$/.exec(name)?.[1] ?? [],
);
const resolvers = [...given.keys()].flatMap(
  (name) => /^certificatesresolvers\.([a-z]+)\.acme\.storage$/.exec(name)?.[1] ?? [],
);

test("the proxy's options are ones that Traefik 3 documents, with values that they take", () => {
  expect(service("proxy").image).toMatch(/^traefik:v3\./);
  for (const [name, value] of given) {
    const known = name.replace(/^(entrypoints|certificatesresolvers)\.[a-z]+\./, "$1.NAME.");
    expect(options, name).toHaveProperty([known]);
    expect(value, name).toMatch(options[known] ?? expect.fail());
  }
});

test("the proxy sends http on to https, exposes nobody who does not ask for it, and its own entry point is on the loopback", () => {
  expect(given.get("providers.docker.exposedbydefault")).toBe("false");
  expect(given.get("entrypoints.web.address")).toBe(":80");
  expect(given.get("entrypoints.web.http.redirections.entrypoint.to")).toBe("websecure");
  expect(given.get("entrypoints.web.http.redirections.entrypoint.scheme")).toBe("https");
  expect(given.get("entrypoints.websecure.address")).toBe(":443");
  expect(given.get("entrypoints.traefik.address")).toMatch(/^127\.0\.0\.1:/);
  expect(given.has("api.insecure")).toBe(false);
  expect(resolvers).toEqual(["le"]);
  const storage = given.get("certificatesresolvers.le.acme.storage") ?? "";
  const kept = (service("proxy").volumes ?? []).some((mount) =>
    storage.startsWith(`${mount.split(":")[1]}/`),
  );
  expect(kept).toBe(true);
  // The challenge is asked for over plain http.
  expect(given.get("certificatesresolvers.le.acme.httpchallenge.entrypoint")).toBe("web");
});

test("our labels are ones that Traefik documents for containers, and name what the proxy has", () => {
  const { environment = {} } = service("galley-agent");
  const previews = routeLabels(
    {
      network: "galley-pv-e1",
      environment: "e1",
      service: "web",
      number: 7,
      host: "pr-1-shop.previews.example.org",
      port: 3000,
    },
    { tls: environment.GALLEY_TLS_ENABLED === "true", certResolver: environment.GALLEY_CERT_RESOLVER },
  );
  const known: Readonly<Record<string, RegExp>> = {
    "traefik.enable": /^true$/,
    "traefik.docker.network": /^[a-z0-9-]+$/,
    "traefik.http.routers.NAME.rule":
      /^(Host\(`(\$\{GALLEY_HOSTNAME\}|[a-z0-9.-]+)`\)|HostRegexp\(`\^\.\+\\\.\$\{GALLEY_DOMAIN\}\$\$`\))$/,
    "traefik.http.routers.NAME.entrypoints": new RegExp(`^(${entryPoints.join("|")})$`),
    "traefik.http.routers.NAME.priority": /^\d+$/,
    "traefik.http.routers.NAME.service": /^[a-z0-9-]+$/,
    "traefik.http.routers.NAME.tls": /^true$/,
    "traefik.http.routers.NAME.tls.certresolver": new RegExp(`^(${resolvers.join("|")})$`),
    "traefik.http.services.NAME.loadbalancer.server.port": /^\d+$/,
  };
  for (const labels of [previews, service("galley-server").labels ?? {}]) {
    for (const [label, value] of Object.entries(labels)) {
      const name = label.replace(/^(traefik\.http\.(?:routers|services)\.)[^.]+\./, "$1NAME.");
      expect(known, label).toHaveProperty([name]);
      expect(value, label).toMatch(known[name] ?? expect.fail());
    }
    const router = Object.keys(labels).find((label) => label.endsWith(".entrypoints")) ?? "";
    expect(labels[router]).toBe("websecure");
    expect(Object.keys(labels).some((label) => label.endsWith(".tls.certresolver"))).toBe(true);
  }
  // By this the agent finds the proxy, whatever its image is called.
  expect(service("proxy").labels?.["sh.galley.role"]).toBe("proxy");
});
