// Compose files are judged as docker compose judges them: by the JSON schema of the Compose Specification that it carries, and by itself.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFilesTree } from "../../src/buildkit/index.js";
import { conform } from "../../src/manifest/compose/conform.js";
import { specification } from "../../src/manifest/compose/specification.js";
import { filesOfTree, readManifest } from "../../src/manifest/index.js";
import { script } from "../lab/scripts.js";
import { conforms, embeddedSchema, located, placesOf, type Schema, samplesFor } from "./json-schema.js";

let compose: string;
let schema: Schema;
let folder: string;

beforeAll(async () => {
  compose = (await script("compose.sh", [])).trim();
  schema = embeddedSchema(readFileSync(compose));
  folder = mkdtempSync(join(tmpdir(), "galley-agrees-"));
  writeFileSync(join(folder, "settings.env"), "A=1\n");
  writeFileSync(join(folder, "note.txt"), "ahoy\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ours = (text: string): Promise<string[]> => {
  const files = {
    "compose.yaml": text,
    "settings.env": "A=1\n",
    "note.txt": "ahoy\n",
    Dockerfile: "FROM x\n",
  };
  return readManifest(
    filesOfTree(createFilesTree(new Map(Object.entries(files)))),
    AbortSignal.timeout(60_000),
  ).then(
    () => [],
    (error: Error) => error.message.split("\n"),
  );
};

/** What docker compose has against a file; undefined: nothing. */
const theirs = (text: string): Promise<string | undefined> =>
  new Promise((resolve) => {
    const child = execFile(
      compose,
      ["--project-directory", folder, "--project-name", "agrees", "--file", "-", "config", "--quiet"],
      { env: { PATH: process.env.PATH, HOME: folder }, cwd: folder, timeout: 60_000 },
      (error, _, stderr) => resolve(error ? stderr.trim() || error.message : undefined),
    );
    child.stdin?.end(text);
  });

/** The alternatives of a schema that are maps with keys of their own. */
function* maps(of: Schema | undefined): Generator<Readonly<Record<string, Schema>>> {
  if (of?.$ref !== undefined) yield* maps(schema.definitions?.[of.$ref.split("/").at(-1) ?? ""]);
  if (of?.properties) yield of.properties;
  for (const one of of?.oneOf ?? []) yield* maps(one);
}

test("every key of the specification's schema is known: it is read, or left out with a word on why", async () => {
  const { definitions = {}, properties = {} } = schema;
  const service = definitions.service?.properties ?? {};
  const within = (key: string, value: unknown) => ({ services: { a: { image: "x", [key]: value } } });
  const places: readonly [string, Schema | undefined, (value: unknown) => object][] = [
    ["the file", { properties }, (value) => ({ services: { a: { image: "x" } }, ...(value as object) })],
    [
      "a service",
      definitions.service,
      (value) => ({ services: { a: { image: "x", ...(value as object) } } }),
    ],
    ["build", service.build, (value) => within("build", value)],
    ["healthcheck", definitions.healthcheck, (value) => within("healthcheck", value)],
    ["deploy", definitions.deployment, (value) => within("deploy", value)],
    ["a port", service.ports?.items, (value) => within("ports", [value])],
    ["a mount", service.volumes?.items, (value) => within("volumes", [value])],
    [
      "a service's secret",
      definitions.service_config_or_secret?.items,
      (value) => within("secrets", [value]),
    ],
    [
      "depends_on",
      service.depends_on?.oneOf?.[1]?.patternProperties?.["^[a-zA-Z0-9._-]+$"],
      (value) => within("depends_on", { b: value }),
    ],
    ["extends", service.extends, (value) => within("extends", value)],
    ["env_file", definitions.env_file?.oneOf?.[1]?.items, (value) => within("env_file", [value])],
    ["a volume", definitions.volume, (value) => ({ ...within("user", "1"), volumes: { v: value } })],
    ["a network", definitions.network, (value) => ({ ...within("user", "1"), networks: { n: value } })],
    ["a secret", definitions.secret, (value) => ({ ...within("user", "1"), secrets: { s: value } })],
    ["a config", definitions.config, (value) => ({ ...within("user", "1"), configs: { c: value } })],
    ["include", definitions.include, (value) => ({ ...within("user", "1"), include: [value] })],
  ];
  for (const [what, of, document] of places) {
    const [keys] = [...maps(of)];
    expect(Object.keys(keys ?? {}).length, what).toBeGreaterThan(1);
    const found = await ours(
      JSON.stringify(document(Object.fromEntries(Object.keys(keys ?? {}).map((key) => [key, null])))),
    );
    expect(
      found.filter((line) => line.includes("not known")),
      what,
    ).toEqual([]);
    const wrong = await ours(JSON.stringify(document({ frobnicate: null })));
    expect(wrong.join("\n"), what).toContain("frobnicate");
  }
});

/** What differs, and why. */
const differs = (path: string, value: unknown) =>
  // Words, and a text in place of a list, that newer versions of the specification have.
  (/\.(?:pull_policy|ignore)$/.test(path) && typeof value === "string") ||
  // The schema takes anything where the name of a limit is none.
  (path.endsWith(".ulimits") && /a b|x-a/.test(JSON.stringify(value)));

/** The same file as one that has services with images. */
const whole = (document: unknown) => {
  const { services = {}, ...rest } = document as { services?: Record<string, object> };
  const a = typeof services.a === "object" ? services.a : {};
  return { ...rest, services: { ...services, a: { image: "x", ...a } } };
};

test("at every place of the schema each kind of value is judged as the schema judges it, and lists as docker compose does", async () => {
  let judged = 0;
  const wrong: string[] = [];
  for (const { path, of, document } of placesOf(schema)) {
    for (const value of samplesFor(schema, of)) {
      if (differs(path, value)) continue;
      const file = document(value);
      const told: string[] = [];
      conform(located(file), specification, "", (_, message) => told.push(message));
      judged += 1;
      let taken = conforms(schema, schema, file);
      // What stands twice in a list is often dropped before the schema is asked.
      const twice = Array.isArray(value) && value.length === 2 && value[0] === value[1];
      if (!taken && twice && conforms(schema, schema, document(value.slice(1))))
        taken = !/must be unique/.test((await theirs(JSON.stringify(whole(file)))) ?? "");
      if (taken !== (told.length === 0))
        wrong.push(`${path}: ${JSON.stringify(value)}: ${told[0] ?? "taken"}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(judged).toBeGreaterThan(3_000);
});

/** A file with a service that says so much, and what follows it. */
const service = (text: string, more = "") =>
  `services:\n  a:\n    image: x\n${text.replace(/^/gm, "    ")}\n${more}`;

test("files that docker compose takes are taken, in the short and the long syntax", async () => {
  const files = [
    service("command: echo 'a b' c"),
    service("command: [echo, a b]"),
    service("environment: { A: 1, B: true, C: null }"),
    service("environment: [A=1, B]"),
    service("env_file: settings.env"),
    service("env_file: [{ path: missing.env, required: false }, settings.env]"),
    service(
      "ports: [80, '8080:80', '127.0.0.1:8080:80/tcp', { target: 80, published: '8080', protocol: tcp }]",
    ),
    service("expose: ['80', 81]"),
    service(
      "volumes: [data:/data, { type: volume, source: data, target: /more, read_only: true }, { type: tmpfs, target: /t }]\ncap_drop: [ALL]",
      "volumes: { data: {} }\n",
    ),
    service(
      "healthcheck: { test: [CMD, x], interval: 1m30s, timeout: 500ms, retries: 3, start_period: 2s, start_interval: 1s }",
    ),
    service("healthcheck: { test: x || exit 1 }"),
    service("healthcheck: { disable: true }"),
    service("restart: on-failure:3"),
    service("deploy: { replicas: 1, resources: { limits: { cpus: '0.5', memory: 64M, pids: 20 } } }"),
    service("cpus: 0.5\nmem_limit: 64m"),
    service(
      "secrets: [s, { source: s, target: /run/t, mode: 0440 }]",
      "secrets: { s: { file: ./note.txt } }\n",
    ),
    service("configs: [c]", "configs: { c: { content: ahoy } }\n"),
    service("networks: { n: { aliases: [b] } }", "networks: { n: { internal: true } }\n"),
    service("labels: [a=b]\nulimits: { nofile: { soft: 1, hard: 2 } }\nsysctls: { net.core.somaxconn: 1 }"),
    service("profiles: [extra]\nx-more: { any: thing }", "x-top: 1\n"),
    service("depends_on: [b]", "  b: { image: y }\n"),
    service("depends_on: { b: { condition: service_healthy, restart: true } }", "  b: { image: y }\n"),
    service(`user: \${WHO-1}\nworking_dir: \${NOWHERE:-/app}`),
    `version: "3.8"\nname: shop\n${service("stop_grace_period: 10s")}`,
    "services:\n  a: &a { image: x, user: '1' }\n  b: { <<: *a, user: '2' }\n",
  ];
  for (const file of files) expect([await theirs(file), await ours(file)], file).toEqual([undefined, []]);
});

test("files that docker compose refuses are refused", async () => {
  const files = [
    service("comand: x"),
    service("command: { a: b }"),
    service("environment: [[A]]"),
    service("environment: { A: [1] }"),
    service("env_file: nowhere.env"),
    service("ports: [{ published: 80 }]"),
    service("ports: ['80:http']"),
    service("ports: [99999]"),
    service("volumes: [data:/data]"),
    service("healthcheck: { test: [CMD, x], every: 1s }"),
    service("healthcheck: { test: [CMD, x], interval: soon }"),
    service("healthcheck: { test: [CMD, x], retries: many }"),
    service("depends_on: [b]"),
    service("depends_on: { b: { condition: healthy } }", "  b: { image: y }\n"),
    service("depends_on: [b]", "  b: { image: y, depends_on: [a] }\n"),
    service("deploy: { resources: { limits: { memory: lots } } }"),
    service("mem_limit: lots"),
    service("secrets: [s]"),
    service("configs: [c]"),
    service("networks: [n]"),
    service("privileged: perhaps"),
    service("profiles: extra"),
    service(`user: \${WHO:?say who}`),
    service(`user: \${WHO`),
    "services: []\n",
    "services:\n  a: { user: '1' }\n",
    "services:\n  a: [image]\n",
    "servces: {}\nservices: { a: { image: x } }\n",
    "services: { a: { image: x } }\nvolumes: { v: { size: 3 } }\n",
    "services: { a: { image: x }\n",
  ];
  const taken: string[] = [];
  for (const file of files) {
    if ((await theirs(file)) === undefined) taken.push(`docker compose: ${file}`);
    if ((await ours(file)).length === 0) taken.push(`Galley: ${file}`);
  }
  expect(taken).toEqual([]);
});
