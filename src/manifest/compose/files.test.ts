import { expect, test } from "vitest";
import { lines, problemsOf, read, warningsOf } from "./reading.testing.js";

test("an override file is laid over the compose file, as Compose does it", async () => {
  const { services } = await read({
    "compose.yaml": lines(
      "services:",
      "  web:",
      "    image: a:1",
      "    command: [one]",
      "    ports: ['8080:80']",
      "    environment: [A=1, B=1]",
      "    volumes: ['data:/data', 'other:/other']",
      "    depends_on: [db]",
      "  db: { image: postgres, ports: ['5432'], restart: always }",
      "volumes: { data: , other: }",
    ),
    "compose.override.yaml": lines(
      "services:",
      "  web:",
      "    image: a:2",
      "    command: [two, words]",
      "    environment: { B: 2, C: 2 }",
      "    volumes: ['other:/data']",
      "    depends_on: { db: { condition: service_healthy } }",
      "  db: { ports: !reset [], restart: !override 'no' }",
      "  more: { image: b, expose: [1] }",
    ),
  });
  expect(services).toMatchObject([
    {
      name: "web",
      image: "a:2",
      command: ["two", "words"],
      expose: 80,
      env: { A: "1", B: "2", C: "2" },
      volumes: [
        { name: "other", target: "/data" },
        { name: "other", target: "/other" },
      ],
      dependsOn: [{ service: "db", until: "healthy" }],
    },
    { name: "db", expose: undefined, restart: "no" },
    { name: "more" },
  ]);
});

test("of several compose files the first name counts, and the others are told of", async () => {
  const file = "services: { web: { image: a, expose: [80] } }\n";
  const all = {
    "compose.yaml": file,
    "compose.yml": "x",
    "docker-compose.yml": "x",
    "docker-compose.yaml": "x",
  };
  const { source, warnings } = await read(all);
  expect(source).toEqual({ kind: "compose", file: "compose.yaml" });
  expect(warnings?.map((one) => `${one.file} ${one.message}`)).toEqual([
    "compose.yml is left out, as there is compose.yaml",
    "docker-compose.yml is left out, as there is compose.yaml",
    "docker-compose.yaml is left out, as there is compose.yaml",
  ]);
});

test("a service extends one of its file, or of another one, whose paths are its own", async () => {
  const { services } = await read({
    "compose.yaml": lines(
      "services:",
      "  web: { extends: { file: shared/base.yaml, service: app }, environment: { B: mine }, ports: [80] }",
      "  api: { extends: web, command: api }",
    ),
    "shared/base.yaml": lines(
      "services:",
      "  app: { extends: { service: root }, build: ./src, env_file: app.env }",
      "  root: { environment: { A: base, B: base }, restart: always }",
    ),
    "shared/src/Dockerfile": "FROM a",
    "shared/app.env": "FILE=1\n",
  });
  const app = { build: { path: "shared/src" }, env: { FILE: "1", A: "base", B: "mine" }, restart: "always" };
  expect(services).toMatchObject([
    { name: "web", ...app },
    { name: "api", ...app, command: ["api"], expose: 80 },
  ]);
});

test("files are included with a directory, variables and overrides of their own", async () => {
  const { services } = await read({
    "compose.yaml": lines(
      "include:",
      "  - db/compose.yaml",
      "  - path: [mail/compose.yaml, mail/more.yaml]",
      "    project_directory: mail/home",
      "    env_file: mail/vars.env",
      "services:",
      "  web: { image: a, ports: [80], depends_on: [db, mail] }",
    ),
    "db/compose.yaml": "services: { db: { image: 'postgres:${TAG}', env_file: own.env } }\n",
    "db/.env": "TAG=16\n",
    "db/own.env": "OWN=1\n",
    "mail/compose.yaml": "services: { mail: { build: ., environment: ['V=${V}'] } }\n",
    "mail/more.yaml": "services: { mail: { environment: { W: '${V}' } } }\n",
    "mail/vars.env": "V=1\n",
    "mail/home/Dockerfile": "FROM b",
  });
  expect(services).toMatchObject([
    { name: "db", image: "postgres:16", env: { OWN: "1" } },
    { name: "mail", build: { path: "mail/home" }, env: { V: "1", W: "1" } },
    { name: "web" },
  ]);
});

test("circles of extends and include are shown", async () => {
  expect(
    await problemsOf({
      "compose.yaml": "services: { a: { extends: b, image: x }, b: { extends: a, image: x } }\n",
    }),
  ).toEqual([
    "compose.yaml:1:27: services.a.extends: services extend each other in a circle: b → a → b",
    "compose.yaml:1:56: services.b.extends: services extend each other in a circle: a → b → a",
  ]);
  expect(
    await problemsOf({ "compose.yaml": "include: [x/a.yaml]\n", "x/a.yaml": "include: [../compose.yaml]\n" }),
  ).toEqual([
    "x/a.yaml:1:11: include: files include each other in a circle: compose.yaml → x/a.yaml → compose.yaml",
  ]);
  const chain = Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [
      at === 0 ? "compose.yaml" : `${at}.yaml`,
      `include: [${at + 1}.yaml]\n`,
    ]),
  );
  expect(await problemsOf(chain)).toEqual([
    "9.yaml:1:11: include: files include each other more than 10 levels deep",
  ]);
});

test("paths that lead out of the repository, elsewhere or nowhere are refused", async () => {
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "include: [../other.yaml, 'https://example.org/compose.yaml', none.yaml]",
        "services:",
        "  a: { extends: { file: /etc/a.yaml, service: x }, image: a }",
      ),
    }),
  ).toEqual([
    'compose.yaml:1:11: include: found "../other.yaml"; accepted: a path inside the repository',
    "compose.yaml:1:26: include: files from elsewhere are not read; accepted: a path inside the repository",
    "compose.yaml:1:62: none.yaml is not in the commit",
    'compose.yaml:3:25: services.a.extends.file: found "/etc/a.yaml"; accepted: a path inside the repository',
  ]);
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "services:",
        "  a: { build: ../src }",
        "  b: { build: { context: ., dockerfile: ../../Dockerfile } }",
        "  c: { build: 'https://github.com/acme/shop.git' }",
        "  d: { image: d, env_file: ../../.env, volumes: ['../x:/x'] }",
      ),
      Dockerfile: "FROM a",
    }),
  ).toEqual([
    'compose.yaml:2:15: services.a.build.context: found "../src"; accepted: a path inside the repository',
    'compose.yaml:3:41: services.b.build.dockerfile: found "../../Dockerfile"; accepted: a path inside the build\'s context',
    'compose.yaml:4:15: services.c.build.context: found "https://github.com/acme/shop.git"; accepted: a path inside the repository',
    'compose.yaml:5:28: services.d.env_file: found "../../.env"; accepted: a path inside the repository',
    'compose.yaml:5:50: services.d.volumes: found "../x"; accepted: a path inside the repository',
  ]);
});

test("a name that an included file has already is a problem, and an unknown service gets the nearest one", async () => {
  expect(
    await problemsOf({
      "compose.yaml":
        "include: [db.yaml]\nservices:\n  db: { image: mysql }\n  web: { image: a, extends: dbb }\n",
      "db.yaml": "services:\n  db: { image: postgres }\n",
    }),
  ).toEqual([
    "compose.yaml:3:3: services.db: stands in an included file, too (db.yaml:2); accepted: each name once",
    "compose.yaml:4:29: services.web.extends: found dbb, which is no service of compose.yaml; did you mean db?",
  ]);
});

test("profiles leave services out unless COMPOSE_PROFILES has them", async () => {
  const files = {
    "compose.yaml": lines(
      "services:",
      "  web: { image: a, ports: [80] }",
      "  debug: { image: b, profiles: [debug, all] }",
    ),
  };
  const names = async (profiles?: string) => {
    const variables = profiles === undefined ? {} : { COMPOSE_PROFILES: profiles };
    return (await read(files, { variables })).services.map(({ name }) => name);
  };
  expect(await names()).toEqual(["web"]);
  expect(await names("all,other")).toEqual(["web", "debug"]);
  expect(await names("*")).toEqual(["web", "debug"]);
  expect(warningsOf(await read(files))).toEqual([
    "compose.yaml:3:3: services.debug is left out: its profiles (debug, all) are not in COMPOSE_PROFILES",
  ]);
  expect(
    await problemsOf({
      "compose.yaml": "services: { web: { image: a, depends_on: [x] }, x: { image: b, profiles: [p] } }\n",
    }),
  ).toEqual([
    "compose.yaml:1:42: services.web.depends_on: x is left out, as its profiles (p) are not in COMPOSE_PROFILES",
  ]);
});

test("the number of files is limited", async () => {
  const includes = Array.from({ length: 120 }, (_, at) => `${at}.yaml`);
  const files = Object.fromEntries(
    includes.map((name, at) => [name, `services: { s${at}: { image: a } }\n`]),
  );
  const problems = await problemsOf({ ...files, "compose.yaml": `include: [${includes.join(", ")}]\n` });
  expect(problems[0]).toMatch(/^compose\.yaml:1:\d+: more than 100 files are asked for$/);
});
