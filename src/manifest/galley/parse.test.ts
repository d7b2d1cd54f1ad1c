import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseManifest, startOrder } from "../index.js";

/** The message of what is thrown, line by line. */
function problemsOf(text: string | Uint8Array): string[] {
  try {
    parseManifest(text);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  throw new Error("nothing was thrown");
}

const lines = (...all: string[]) => all.join("\n");

test("the bundled sample is a valid manifest of three services, without a warning", () => {
  const manifest = parseManifest(
    readFileSync(new URL("../../../examples/shop/galley.yml", import.meta.url), "utf8"),
  );
  expect(manifest.services.map(({ name }) => name)).toEqual(["web", "api", "db"]);
  expect(manifest.services[1]).toMatchObject({
    kind: "api",
    build: { path: "api", dockerfile: "Dockerfile", args: {}, secrets: [] },
    expose: 3000,
    health: { path: "/api/health", status: 200, timeoutSeconds: 60 },
    dependsOn: [{ service: "db", until: "healthy" }],
  });
  expect(startOrder(manifest.services).map((wave) => wave.map(({ name }) => name))).toEqual([
    ["db"],
    ["api"],
    ["web"],
  ]);
  expect(manifest.warnings).toEqual([]);
  expect(manifest.source).toEqual({ kind: "galley", file: "galley.yml" });
});

test("every key means what the manifest says it does", () => {
  const manifest = parseManifest(
    lines(
      "version: 1",
      "services:",
      "  web:",
      "    kind: web",
      "    build:",
      "      path: web",
      "      dockerfile: docker/Dockerfile",
      "      target: production",
      "      args: { VERSION: 1.10, DEBUG: false }",
      "      secrets: [NPM_TOKEN]",
      "    command: node server.js --port 3000",
      "    expose: 3000",
      "    env: { ZIP: 01234, ON: yes, PORT: 3000 }",
      "    secrets: [DATABASE_PASSWORD]",
      "    depends_on: { db: { condition: healthy }, seed: { condition: completed }, cache: { condition: started } }",
      "    restart: on-failure",
      "    volumes: [/uploads, { name: shared, target: /shared, read_only: true }]",
      "    health: { path: /health, status: 204, timeout: 2m }",
      "    resources: { cpus: 0.5, memory: 512m }",
      "  seed: { kind: worker, image: acme/seed, command: [node, seed.js], restart: no }",
      "  cache: { kind: cache, image: 'redis:7', ephemeral: true, pull_policy: always }",
      "  db: { kind: database, image: 'postgres:16' }",
      "on_create: { service: seed, command: node fill.js }",
      "on_deploy:",
      "  - { service: web, command: [node, migrate.js], timeout: 90s }",
    ),
  );
  expect(manifest.services[0]).toEqual({
    name: "web",
    kind: "web",
    build: {
      path: "web",
      dockerfile: "docker/Dockerfile",
      target: "production",
      args: { VERSION: "1.10", DEBUG: "false" },
      secrets: ["NPM_TOKEN"],
    },
    image: undefined,
    command: ["/bin/sh", "-c", "node server.js --port 3000"],
    expose: 3000,
    env: { ZIP: "01234", ON: "yes", PORT: "3000" },
    secrets: ["DATABASE_PASSWORD"],
    dependsOn: [
      { service: "db", until: "healthy" },
      { service: "seed", until: "completed" },
      { service: "cache", until: "started" },
    ],
    restart: "on-failure",
    ephemeral: undefined,
    volumes: [
      { target: "/uploads", readOnly: false },
      { name: "shared", target: "/shared", readOnly: true },
    ],
    health: { path: "/health", status: 204, timeoutSeconds: 120 },
    resources: { cpus: 0.5, memory: 512 * 1024 * 1024 },
  });
  expect(manifest.services[1]).toMatchObject({ restart: "no", command: ["node", "seed.js"] });
  expect(manifest.services[2]).toMatchObject({ ephemeral: true });
  expect(manifest.onCreate).toEqual([
    { service: "seed", command: ["/bin/sh", "-c", "node fill.js"], timeoutSeconds: 600 },
  ]);
  expect(manifest.onDeploy).toEqual([
    { service: "web", command: ["node", "migrate.js"], timeoutSeconds: 90 },
  ]);
  expect(manifest.warnings).toEqual([]);
});

test("every error of a file is told at once: where, what was found, what is accepted", () => {
  expect(
    problemsOf(
      lines(
        "version: 2",
        "services:",
        "  Web:",
        "    image: a",
        "  api:",
        "    build: { path: ../.. }",
        "    expose: 99999",
        "    comand: run",
        "    env: [A=1]",
        "    secrets: ['a b']",
        "    health: { path: health, status: 42, timeout: 1d }",
        "    resources: { cpus: many, memory: 1 }",
        "    restart: sometimes",
        "    depends_on: db",
        "    volumes: [data]",
        "  db:",
        "    kind: sql",
        "    build: { args: { 1A: b }, dockerfile: /etc/passwd, target: 3 }",
        "on_create: { service: api }",
        "on_deploy: migrate",
      ),
    ),
  ).toEqual([
    "galley.yml:1:10: version: found 2; accepted: 1",
    "galley.yml:3:3: services: found Web; accepted: a name that matches ^[a-z][a-z0-9-]{0,39}$",
    'galley.yml:6:20: services.api.build.path: found "../.."; accepted: a path inside the repository',
    "galley.yml:7:13: services.api.expose: found 99999; accepted: a port from 1 to 65535",
    "galley.yml:8:5: services.api: found the key comand, which is not known; did you mean command?",
    "galley.yml:9:10: services.api.env: found a list; accepted: a map of names and texts",
    'galley.yml:10:15: services.api.secrets.0: found "a b"; accepted: a name of letters, digits and _',
    'galley.yml:11:21: services.api.health.path: found "health"; accepted: a path that begins with /',
    "galley.yml:11:37: services.api.health.status: found 42; accepted: a status from 100 to 599",
    'galley.yml:11:50: services.api.health.timeout: found "1d"; accepted: seconds from 1 to 3600, or a duration such as 90s or 5m',
    'galley.yml:12:24: services.api.resources.cpus: found "many"; accepted: a number of CPUs such as 0.5 or 2',
    "galley.yml:12:38: services.api.resources.memory: found 1; accepted: bytes of at least 6m, such as 512m or 1.5g",
    'galley.yml:13:14: services.api.restart: found "sometimes"; accepted: no, always, on-failure, unless-stopped',
    'galley.yml:14:17: services.api.depends_on: found "db"; accepted: a list of services, or a map of services to {condition: healthy, started or completed}',
    'galley.yml:15:15: services.api.volumes.0: found "data"; accepted: an absolute path inside the container',
    'galley.yml:17:11: services.db.kind: found "sql"; accepted: web, api, worker, database, cache, queue, other',
    "galley.yml:18:22: services.db.build.args: found 1A; accepted: a name of letters, digits and _",
    'galley.yml:18:43: services.db.build.dockerfile: found "/etc/passwd"; accepted: a path inside the repository',
    "galley.yml:18:64: services.db.build.target: found 3; accepted: the name of a stage",
    "galley.yml:19:12: on_create.command: is missing; accepted: a line for the shell, or a list of words",
    'galley.yml:20:12: on_deploy: found "migrate"; accepted: {service, command, timeout}, or a list of them',
  ]);
});

test("unknown keys are answered with the nearest one, or with those that are accepted", () => {
  expect(problemsOf("version: 1\nservces: {}\n")).toEqual([
    "galley.yml:1:1: services: is missing; accepted: a map of services",
    "galley.yml:2:1: found the key servces, which is not known; did you mean services?",
  ]);
  expect(
    problemsOf(
      "version: 1\nservices:\n  web:\n    image: a\n    health: { path: /, interval: 3 }\n    expose: 80",
    ),
  ).toEqual([
    "galley.yml:5:24: services.web.health: found the key interval, which is not known; accepted: path, status, timeout",
  ]);
  expect(
    problemsOf(
      "version: 1\nservices: { web: { image: a } }\non_deploy: [{ service: web, command: a, timout: 3 }]",
    ),
  ).toEqual([
    "galley.yml:3:41: on_deploy.0: found the key timout, which is not known; did you mean timeout?",
  ]);
});

test("a service has a build or an image; a health check has a port", () => {
  expect(problemsOf("version: 1\nservices:\n  web: { kind: web, health: { path: / } }")).toEqual([
    "galley.yml:3:3: services.web: has neither build nor image; accepted: one of them",
    "galley.yml:3:29: services.web.health: needs the port to ask; accepted: expose beside it",
  ]);
  expect(problemsOf("version: 1\nservices: {}")).toEqual([
    "galley.yml:2:11: services: needs at least one service",
  ]);
});

test("build wins over image with a warning, and a kind that is absent is told from the image with one", () => {
  const { services, warnings } = parseManifest(
    lines(
      "version: 1",
      "services:",
      "  web: { build: {}, image: acme/web, kind: web }",
      "  db: { image: 'docker.io/library/postgres:16-alpine' }",
      "  mq: { image: 'rabbitmq:3-management@sha256:00' }",
      "  job: { image: acme/job }",
    ),
  );
  expect(services.map(({ kind, image }) => [kind, image])).toEqual([
    ["web", undefined],
    ["database", "docker.io/library/postgres:16-alpine"],
    ["queue", "rabbitmq:3-management@sha256:00"],
    ["other", "acme/job"],
  ]);
  expect(warnings).toEqual([
    {
      file: "galley.yml",
      line: 3,
      column: 28,
      message: "services.web: has build and image; it is built, and the image is left out",
    },
    {
      file: "galley.yml",
      line: 4,
      column: 3,
      message: "services.db.kind is absent: taken for database from its image",
    },
    {
      file: "galley.yml",
      line: 5,
      column: 3,
      message: "services.mq.kind is absent: taken for queue from its image",
    },
    {
      file: "galley.yml",
      line: 6,
      column: 3,
      message: "services.job.kind is absent: taken for other, as nothing tells what it is",
    },
  ]);
});

test("an unknown dependency names the nearest service, and a circle is shown", () => {
  expect(
    problemsOf(
      "version: 1\nservices:\n  web: { kind: web, image: a, depends_on: [redsi] }\n  redis: { kind: cache, image: a }",
    ),
  ).toEqual([
    "galley.yml:3:43: services.web.depends_on: found redsi, which is no service of this file; did you mean redis?",
  ]);
  expect(
    problemsOf(
      lines(
        "version: 1",
        "services:",
        "  a: { kind: api, image: x, depends_on: [b] }",
        "  b: { kind: api, image: x, depends_on: [c] }",
        "  c: { kind: api, image: x, depends_on: [b] }",
      ),
    ),
  ).toEqual(["galley.yml:4:41: services.b.depends_on: services wait for each other in a circle: b → c → b"]);
  expect(
    problemsOf("version: 1\nservices: { a: { kind: api, image: x } }\non_create: { service: b, command: c }"),
  ).toEqual(["galley.yml:3:23: found b, which is no service of this file; its services: a"]);
});
