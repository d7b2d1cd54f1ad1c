import { expect, test } from "vitest";
import { startOrder } from "../index.js";
import { type Files, lines, read, warningsOf } from "./reading.testing.js";

/** Name, kind, port and what it waits for. */
async function shapeOf(files: Files) {
  const manifest = await read(files);
  const shape = manifest.services.map(({ name, kind, expose, dependsOn }) => [
    name,
    kind,
    expose,
    dependsOn.map(({ service, until }) => `${service}:${until}`).join(),
  ]);
  startOrder(manifest.services);
  return { shape, manifest, warnings: warningsOf(manifest) };
}

test("a poll with two fronts, a worker, a cache and a database", async () => {
  const { shape, manifest, warnings } = await shapeOf({
    "docker-compose.yml": lines(
      "services:",
      "  ballot:",
      "    build: { context: ./ballot, target: dev }",
      "    depends_on: { tally-cache: { condition: service_healthy } }",
      "    healthcheck: { test: [CMD, curl, -f, 'http://localhost'], interval: 15s, timeout: 5s, retries: 3, start_period: 10s }",
      "    volumes: ['./ballot:/usr/local/app']",
      "    ports: ['8080:80']",
      "    networks: [front, back]",
      "  outcome:",
      "    build: ./outcome",
      "    entrypoint: nodemon --inspect=0.0.0.0 server.js",
      "    depends_on: { store: { condition: service_healthy } }",
      "    ports: ['8081:80', '127.0.0.1:9229:9229']",
      "    networks: [front, back]",
      "  counter:",
      "    build: { context: ./counter }",
      "    depends_on: { tally-cache: { condition: service_healthy }, store: { condition: service_healthy } }",
      "  tally-cache:",
      "    image: redis:alpine",
      "    volumes: ['./healthchecks:/healthchecks']",
      "    healthcheck: { test: /healthchecks/redis.sh, interval: '5s' }",
      "  store:",
      "    image: postgres:15-alpine",
      "    environment: { POSTGRES_USER: postgres, POSTGRES_PASSWORD: postgres }",
      "    volumes: ['rows:/var/lib/postgresql/data', './healthchecks:/healthchecks']",
      "    healthcheck: { test: /healthchecks/postgres.sh, interval: '5s' }",
      "  filler:",
      "    build: ./filler",
      "    profiles: [seed]",
      "    depends_on: { ballot: { condition: service_healthy } }",
      "    restart: 'no'",
      "volumes:",
      "  rows:",
      "networks:",
      "  front:",
      "  back:",
    ),
    "ballot/Dockerfile": "FROM python",
    "outcome/Dockerfile": "FROM node",
    "counter/Dockerfile": "FROM mcr.microsoft.com/dotnet/runtime",
    "filler/Dockerfile": "FROM python",
    "healthchecks/redis.sh": "redis-cli ping",
  });
  expect(shape).toEqual([
    ["ballot", "web", 80, "tally-cache:healthy"],
    ["outcome", "web", 80, "store:healthy"],
    ["counter", "other", undefined, "tally-cache:healthy,store:healthy"],
    ["tally-cache", "cache", undefined, ""],
    ["store", "database", undefined, ""],
  ]);
  expect(manifest.services[0]).toMatchObject({
    build: { path: "ballot", dockerfile: "Dockerfile", target: "dev" },
    healthCheck: {
      test: ["CMD", "curl", "-f", "http://localhost"],
      intervalSeconds: 15,
      timeoutSeconds: 5,
      retries: 3,
      startPeriodSeconds: 10,
    },
    volumes: undefined,
  });
  expect(manifest.services[1]?.entrypoint).toEqual(["nodemon", "--inspect=0.0.0.0", "server.js"]);
  expect(manifest.services[4]?.volumes).toEqual([
    { name: "rows", target: "/var/lib/postgresql/data", readOnly: false },
  ]);
  expect(warnings).toEqual([
    "docker-compose.yml:6:15: services.ballot.volumes: the bind mount of ./ballot at /usr/local/app is left out: the image has to have what it needs",
    "docker-compose.yml:7:13: services.ballot.ports: the host's port 8080 is left out; the preview's URL leads to 80",
    "docker-compose.yml:13:12: services.outcome.ports: no URL leads to 9229, as a service exposes one port: 80",
    "docker-compose.yml:13:13: services.outcome.ports: the host's port 8081 is left out; the preview's URL leads to 80",
    "docker-compose.yml:13:24: services.outcome.ports: the host's port 127.0.0.1:9229 is left out; the preview's URL leads to 9229",
    "docker-compose.yml:20:15: services.tally-cache.volumes: the bind mount of ./healthchecks at /healthchecks is left out: the image has to have what it needs",
    "docker-compose.yml:25:48: services.store.volumes: the bind mount of ./healthchecks at /healthchecks is left out: the image has to have what it needs",
    "docker-compose.yml:27:3: services.filler is left out: its profiles (seed) are not in COMPOSE_PROFILES",
  ]);
});

test("a list of things to do on Node, whose code is mounted for development, beside MySQL", async () => {
  const { shape, manifest } = await shapeOf({
    "compose.yaml": lines(
      "services:",
      "  app:",
      "    image: node:22-alpine",
      '    command: sh -c "npm install && npm run dev"',
      "    ports: [127.0.0.1:3000:3000]",
      "    working_dir: /app",
      "    volumes: ['./:/app', /app/node_modules]",
      "    environment:",
      "      MYSQL_HOST: mysql",
      "      MYSQL_PASSWORD: ${MYSQL_PASSWORD:-secret}",
      "  mysql:",
      "    image: mysql:8.0",
      "    volumes: ['todo-rows:/var/lib/mysql']",
      "    environment: [MYSQL_ROOT_PASSWORD=secret, MYSQL_DATABASE=todos]",
      "volumes: { todo-rows: {} }",
    ),
  });
  expect(shape).toEqual([
    ["app", "web", 3000, ""],
    ["mysql", "database", undefined, ""],
  ]);
  // What is mounted over the code's directory only makes sense with the code.
  expect(manifest.services[0]).toMatchObject({
    command: ["sh", "-c", "npm install && npm run dev"],
    workingDirectory: "/app",
    env: { MYSQL_HOST: "mysql", MYSQL_PASSWORD: "secret" },
    volumes: undefined,
  });
  expect(warningsOf(manifest)).toEqual([
    "compose.yaml:5:13: services.app.ports: the host's port 127.0.0.1:3000 is left out; the preview's URL leads to 3000",
    "compose.yaml:7:15: services.app.volumes: the bind mount of ./ at /app is left out: the image has to have what it needs",
    "compose.yaml:7:26: services.app.volumes: the volume at /app/node_modules is left out, as the bind mount around it is",
  ]);
});

test("a blog on PHP from images alone, with its database's password from a file that is not committed", async () => {
  const files = {
    "docker-compose.yaml": lines(
      "version: '3.8'",
      "services:",
      "  blog:",
      "    image: wordpress:6",
      "    restart: always",
      "    ports: [{ target: 80, published: '8000', protocol: tcp, mode: host }]",
      "    environment:",
      "      WORDPRESS_DB_HOST: rows:3306",
      "      WORDPRESS_DB_PASSWORD_FILE: /run/secrets/db_password",
      "    volumes: ['pages:/var/www/html']",
      "    secrets: [db_password]",
      "    depends_on: [rows]",
      "  rows:",
      "    image: mariadb:11",
      "    command: '--default-authentication-plugin=mysql_native_password'",
      "    environment: { MARIADB_ROOT_PASSWORD_FILE: /run/secrets/db_password }",
      "    secrets: [{ source: db_password, target: pw, mode: 0400 }]",
      "    expose: ['3306', '33060']",
      "volumes: { pages: , }",
      "secrets: { db_password: { file: ./db_password.txt } }",
    ),
  };
  const manifest = await read(files, { secretNames: ["DB_PASSWORD"] });
  expect(manifest.services).toMatchObject([
    {
      name: "blog",
      kind: "web",
      expose: 80,
      restart: "always",
      files: [{ target: "/run/secrets/db_password", content: { secret: "DB_PASSWORD" }, mode: 0o444 }],
      volumes: [{ name: "pages", target: "/var/www/html", readOnly: false }],
      dependsOn: [{ service: "rows", until: "started" }],
    },
    {
      name: "rows",
      kind: "database",
      expose: 3306,
      command: ["--default-authentication-plugin=mysql_native_password"],
      files: [{ target: "/run/secrets/pw", content: { secret: "DB_PASSWORD" }, mode: 0o400 }],
    },
  ]);
});

test("a counter on Flask with Redis", async () => {
  const { shape, warnings } = await shapeOf({
    "compose.yaml": lines(
      "services:",
      "  web: { build: ., ports: ['8000:5000'], develop: { watch: [{ action: sync, path: ., target: /code }] } }",
      "  redis: { image: 'redis:alpine' }",
    ),
    Dockerfile: "FROM python:3.12-slim",
  });
  expect(shape).toEqual([
    ["web", "web", 5000, ""],
    ["redis", "cache", undefined, ""],
  ]);
  expect(warnings).toEqual([
    "compose.yaml:2:28: services.web.ports: the host's port 8000 is left out; the preview's URL leads to 5000",
  ]);
});

test("nginx before a program in Go: its configuration is a file of the repository", async () => {
  const { shape, manifest } = await shapeOf({
    "compose.yaml": lines(
      "services:",
      "  proxy:",
      "    image: nginx",
      "    volumes:",
      "      - { type: bind, source: ./proxy/nginx.conf, target: /etc/nginx/conf.d/default.conf, read_only: true }",
      "    ports: ['80:80']",
      "    depends_on: [backend]",
      "  backend:",
      "    build: { context: backend, target: builder }",
      "    expose: [8080]",
    ),
    "proxy/nginx.conf": "server { proxy_set_header Host $host; }\n",
    "backend/Dockerfile": "FROM golang AS builder",
  });
  expect(shape).toEqual([
    ["proxy", "web", 80, "backend:started"],
    ["backend", "api", 8080, ""],
  ]);
  expect(manifest.services[0]?.files).toEqual([
    {
      target: "/etc/nginx/conf.d/default.conf",
      // A dollar stays one when variables are put in.
      content: { text: "server { proxy_set_header Host $$host; }\n" },
      mode: 0o644,
    },
  ]);
  expect(warningsOf(manifest)[0]).toBe(
    "compose.yaml:5:9: services.proxy.volumes: proxy/nginx.conf is copied to /etc/nginx/conf.d/default.conf instead of being mounted",
  );
});

test("a shop with a search engine, a queue, a migration that runs first, and settings that repeat", async () => {
  const { shape, manifest, warnings } = await shapeOf({
    "compose.yml": lines(
      "x-common: &common",
      "  restart: unless-stopped",
      "  logging: { driver: json-file }",
      "  environment: &env { LOG_LEVEL: info, UNUSED: '${NOT_ASKED_FOR}' }",
      "services:",
      "  shop:",
      "    <<: *common",
      "    build: { context: ., dockerfile: docker/shop.Dockerfile, args: [NODE_ENV=production, COMMIT] }",
      "    environment: { <<: *env, PORT: 3000, MASTER: '${MASTER-none}' }",
      "    ports: ['${PORT:-3000}:3000']",
      "    depends_on:",
      "      migrate: { condition: service_completed_successfully }",
      "      find: { condition: service_started }",
      "    deploy: { replicas: 2, resources: { limits: { cpus: '0.5', memory: 256M }, reservations: { cpus: '0.1' } } }",
      "  migrate: { <<: *common, build: { context: ., dockerfile: docker/shop.Dockerfile }, command: [npm, run, migrate], restart: on-failure:3 }",
      "  find: { image: 'docker.elastic.co/elasticsearch/elasticsearch:8.13.0', ports: ['9200:9200'] }",
      "  jobs: { image: 'rabbitmq:3-management', hostname: jobs, ports: ['15672:15672'] }",
    ),
    "docker/shop.Dockerfile": "FROM node",
    ".env": "PORT=8080\nCOMMIT=abc\n",
  });
  expect(shape).toEqual([
    ["shop", "web", 3000, "migrate:completed,find:started"],
    ["migrate", "other", undefined, ""],
    ["find", "database", 9200, ""],
    ["jobs", "queue", 15672, ""],
  ]);
  expect(manifest.services[0]).toMatchObject({
    build: {
      path: ".",
      dockerfile: "docker/shop.Dockerfile",
      args: { NODE_ENV: "production", COMMIT: "abc" },
    },
    env: { LOG_LEVEL: "info", PORT: "3000", MASTER: "none" },
    restart: "unless-stopped",
    resources: { cpus: 0.5, memory: 256 * 1024 * 1024 },
  });
  expect(manifest.services[1]?.restart).toBe("on-failure");
  expect(warnings.filter((one) => /NOT_ASKED_FOR/.test(one))).not.toEqual([]);
  expect(warnings).toContain("compose.yml:14:25: services.shop: runs once instead of 2 times");
  expect(warnings).toContain(
    "compose.yml:17:43: services.jobs.hostname is left out: services are reached by their names",
  );
});
