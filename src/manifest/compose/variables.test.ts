import { expect, test } from "vitest";
import { interpolate } from "../index.js";
import { lines, problemsOf, read, warningsOf } from "./reading.testing.js";

const envOf = async (value: string, env = "", options = {}) => {
  const manifest = await read(
    {
      "compose.yaml": `services: { web: { image: a, ports: [80], environment: { X: '${value}' } } }\n`,
      ".env": env,
    },
    options,
  );
  return [manifest.services[0]?.env.X, warningsOf(manifest)];
};

test("variables come from .env, and the project's own win", async () => {
  expect(await envOf("${A} $B $$C ${D:-d} ${A:+set} ${NOT+unset}", "A=1\nB=2\n")).toEqual([
    "1 2 $$C d set ",
    [],
  ]);
  expect(await envOf("$A", "A=file", { variables: { A: "project" } })).toEqual(["project", []]);
  expect(await envOf("${EMPTY-x} ${EMPTY:-y} ${A:-${B:-z}}", "EMPTY=\n")).toEqual([" y z", []]);
});

test("what is not set is empty, with a warning at its place", async () => {
  expect(await envOf("a${NOT}b")).toEqual([
    "ab",
    ["compose.yaml:1:61: the variable NOT is not set; taken as empty"],
  ]);
});

test("what is required and malformed are problems", async () => {
  expect(
    await problemsOf({
      "compose.yaml": lines(
        "services:",
        "  web:",
        "    image: a:${TAG:?which one}",
        "    environment: { A: '${B?}', C: '${-x}', D: '${E' }",
      ),
    }),
  ).toEqual([
    "compose.yaml:3:12: the variable TAG is needed: which one",
    "compose.yaml:4:23: the variable B is needed: it is not set",
    "compose.yaml:4:35: found ${-x}; accepted: ${NAME}, and $$ for a dollar",
    "compose.yaml:4:47: found ${E; accepted: ${NAME}, and $$ for a dollar",
  ]);
});

test("Galley's variables and secrets of the project are put in at the deployment, with their defaults", async () => {
  const manifest = await read(
    {
      "compose.yaml": lines(
        "services:",
        "  web:",
        "    image: a",
        "    ports: ['80']",
        "    environment:",
        "      URL: ${GALLEY_PREVIEW_URL_web:-http://localhost:${PORT:-8080}}",
        "      DB: postgres://u:${DB_PASSWORD}@db/$$x",
        "      LOCAL: ${GALLEY_NOT_THERE:-local}",
        "    healthcheck: { test: 'test $$HOME' }",
      ),
      ".env": "PORT=9090\n",
    },
    { secretNames: ["DB_PASSWORD"] },
  );
  expect(manifest.services[0]?.env).toEqual({
    URL: "${GALLEY_PREVIEW_URL_web:-http://localhost:9090}",
    DB: "postgres://u:${DB_PASSWORD}@db/$$x",
    LOCAL: "${GALLEY_NOT_THERE:-local}",
  });
  const values = { GALLEY_PREVIEW_URL_web: "https://pr-1-shop.example.org" };
  const filled = interpolate(manifest, { values, secrets: { DB_PASSWORD: "p$w" } });
  expect(filled.services[0]).toMatchObject({
    env: { URL: "https://pr-1-shop.example.org", DB: "postgres://u:p$w@db/$x", LOCAL: "local" },
    healthCheck: { test: ["CMD-SHELL", "test $HOME"] },
  });
});

test("a value that is needed at once cannot come later", async () => {
  expect(
    await problemsOf({
      "compose.yaml": "services: { web: { image: a, ports: ['${GALLEY_PR_NUMBER}:80'] } }\n",
    }),
  ).toEqual([
    "compose.yaml:1:38: services.web.ports: found ${GALLEY_PR_NUMBER}:80, which is known at the deployment only; accepted: a port such as 3000, 8080:3000 or 127.0.0.1:8080:3000/tcp",
  ]);
});

test("env files have comments, quotes, several lines, variables and names alone", async () => {
  const manifest = await read(
    {
      "compose.yaml":
        "services: { web: { image: a, ports: [80], env_file: web.env, environment: { LATER: wins } } }\n",
      "web.env": lines(
        "# comment",
        "export A=1 # one",
        "B='$A # literal'",
        'C="two\\nlines $A"',
        'D="first',
        'second"',
        "E: yaml-like",
        "FROM_PROJECT",
        "NOWHERE",
        "F=${A}${MISSING:-m}",
        "LATER=loses",
        "G=a#b",
      ),
    },
    { variables: { FROM_PROJECT: "p" } },
  );
  expect(manifest.services[0]?.env).toEqual({
    A: "1",
    B: "$$A # literal",
    C: "two\nlines 1",
    D: "first\nsecond",
    E: "yaml-like",
    FROM_PROJECT: "p",
    F: "1m",
    LATER: "wins",
    G: "a#b",
  });
});

test("env files may be several, missing where they need not be there, and raw", async () => {
  const manifest = await read({
    "compose.yaml": lines(
      "services:",
      "  web:",
      "    image: a",
      "    ports: [80]",
      "    env_file: [one.env, { path: two.env, format: raw }, { path: none.env, required: false }]",
    ),
    "one.env": "A=1\nB=1\n",
    "two.env": 'B="$A"\n',
  });
  expect(manifest.services[0]?.env).toEqual({ A: "1", B: '"$$A"' });
});

test("what is wrong with an env file is told with its line", async () => {
  const compose = "services: { web: { image: a, env_file: web.env } }\n";
  expect(await problemsOf({ "compose.yaml": compose, "web.env": "A=1\n?=2\nB='x\n" })).toEqual([
    'web.env:2: found "?=2"; accepted: NAME=value',
    "web.env:3: B has a quote that nothing closes",
  ]);
  expect(await problemsOf({ "compose.yaml": compose })).toEqual([
    "compose.yaml:1:40: web.env is not in the commit",
  ]);
});

test("variables that multiply are stopped before they fill the memory", async () => {
  const names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const bomb = [...names].map((name, at) =>
    at === 0 ? `A=${"x".repeat(1_000)}` : `${name}=${`$${names[at - 1]}`.repeat(10)}`,
  );
  const problems = await problemsOf({
    "compose.yaml": "services: { web: { image: a, env_file: web.env } }\n",
    "web.env": bomb.join("\n"),
  });
  expect(problems[0]).toBe("web.env:3: C is longer than 65536 characters with its variables");
});

test("values of the deployment and secrets stand in env files, too, and in what is made of those", async () => {
  const manifest = await read(
    {
      "compose.yaml": lines(
        "services:",
        "  web:",
        "    image: a",
        "    ports: [80]",
        "    env_file: web.env",
        "    environment: { AGAIN: '${HOME_PAGE}', ELSE: '${HOME_PAGE:-none}', SET: '${HOME_PAGE:+yes}', ADDRESS: }",
      ),
      ".env": "HOME_PAGE=$GALLEY_PREVIEW_URL_web/home\nADDRESS='${literal}'\n",
      "web.env": lines(
        "API=${GALLEY_PREVIEW_URL_web}/api",
        "DATABASE=postgres://u:${DB_PASSWORD:-p}@db/x",
        "BOTH=$API and ${DATABASE}",
        "DB_PASSWORD",
        "PRICE='$5'",
      ),
    },
    { secretNames: ["DB_PASSWORD"] },
  );
  const values = { GALLEY_PREVIEW_URL_web: "http://pr-1" };
  const { services } = interpolate(manifest, { values, secrets: { DB_PASSWORD: "s$1" } });
  expect(services[0]?.env).toEqual({
    API: "http://pr-1/api",
    DATABASE: "postgres://u:s$1@db/x",
    BOTH: "http://pr-1/api and postgres://u:s$1@db/x",
    DB_PASSWORD: "s$1",
    PRICE: "$5",
    AGAIN: "http://pr-1/home",
    ELSE: "http://pr-1/home",
    SET: "yes",
    ADDRESS: "${literal}",
  });
});
