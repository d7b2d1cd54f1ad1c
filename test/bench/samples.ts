// Repositories that a Galley and compose can both run: each with a manifest and an equivalent compose file.
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.js";
import { makeRepository } from "./fixtures.js";
import { inClone } from "./in-clone.js";

export interface Sample {
  /** A bare repository whose `main` has the files. */
  readonly origin: string;
  /** The file that a push changes, and its text with a word in it that the service then answers with. */
  readonly changed: string;
  readonly textWith: (word: string) => string;
}

const images = (names: readonly string[]): readonly string[] => ["node:22", ...names];
export const shopImages = images(["node:22-slim", "nginx:alpine", "postgres:16-alpine"]);
export const fiveImages = images(["node:22-slim"]);

/** The bundled sample: a front behind nginx, an API and its database. Compose publishes the front on `port`. */
export async function makeShop(bench: Bench, name: string, port: number): Promise<Sample> {
  const folder = join(bench.folder, `${name}-files`);
  await cp(inClone("examples/shop"), folder, { recursive: true });
  await writeFile(join(folder, "compose.yaml"), shopCompose(port));
  return {
    origin: await asRepository(bench, name, folder),
    changed: "web/products.json",
    textWith: (word) => `${JSON.stringify([{ name: word, price: "1" }])}\n`,
  };
}

/** As the manifest of the sample has it: the same order, and health asked often while a service starts. */
const shopCompose = (port: number): string => `services:
  web:
    build: ./web
    ports: ["127.0.0.1:${port}:80"]
    depends_on: { api: { condition: service_healthy } }
  api:
    build: ./api
    environment: { DATABASE_URL: "postgres://shop:shop@db:5432/shop" }
    depends_on: { db: { condition: service_healthy } }
    healthcheck:
      test: ["CMD", "node", "-e", "fetch('http://127.0.0.1:3000/api/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
${often}
  db:
    image: postgres:16-alpine
    environment: { POSTGRES_USER: shop, POSTGRES_PASSWORD: shop, POSTGRES_DB: shop }
    healthcheck:
      test: ["CMD", "pg_isready", "--host", "127.0.0.1", "--username", "shop"]
${often}
`;

const often = `      interval: 1s
      start_period: 60s
      start_interval: 250ms`;

/** The service of `makeFive` that changes, and is reached from outside. */
const public_ = "site";

/** Five services of one repository that share packages. Compose publishes one of them on `port`. */
export async function makeFive(bench: Bench, name: string, port: number): Promise<Sample> {
  const folder = join(bench.folder, `${name}-files`);
  await cp(inClone("test/fixtures/repos/monorepo"), folder, { recursive: true });
  const services = (await readdir(join(folder, "services"))).sort();
  const build = (service: string) => ({ context: ".", dockerfile: `services/${service}/Dockerfile` });
  const compose = services.map((service) => [
    service,
    { build: build(service), ...(service === public_ ? { ports: [`127.0.0.1:${port}:3000`] } : {}) },
  ]);
  const manifest = services.map((service) => [
    service,
    {
      kind: service === public_ ? "web" : "worker",
      build: { path: ".", dockerfile: `services/${service}/Dockerfile` },
      expose: 3000,
    },
  ]);
  await writeFile(join(folder, "compose.yaml"), JSON.stringify({ services: Object.fromEntries(compose) }));
  await writeFile(
    join(folder, "galley.yml"),
    JSON.stringify({ version: 1, services: Object.fromEntries(manifest) }),
  );
  return {
    origin: await asRepository(bench, name, folder),
    changed: `services/${public_}/server.mjs`,
    textWith: (word) =>
      // A process that does not end when it is told to costs either tool the same ten seconds.
      `import { createServer } from "node:http";\ncreateServer((_, response) => response.end("${word}")).listen(3000);\nprocess.on("SIGTERM", () => process.exit());\n`,
  };
}

/** One service of busybox, which ends at once when it is told to. Compose publishes it on `port`. */
export async function makeOne(bench: Bench, name: string, port: number): Promise<Sample> {
  const folder = join(bench.folder, `${name}-files`);
  await mkdir(folder);
  const command = ["sh", "-c", "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"];
  const files = {
    "index.html": "first\n",
    Dockerfile: `FROM busybox\nCOPY index.html /www/\nCMD ${JSON.stringify(command)}\n`,
    "galley.yml": JSON.stringify({
      version: 1,
      services: { web: { kind: "web", build: {}, expose: 8080, health: { path: "/" } } },
    }),
    "compose.yaml": `services:
  web:
    build: .
    ports: ["127.0.0.1:${port}:8080"]
    healthcheck:
      test: ["CMD", "wget", "-qO-", "http://127.0.0.1:8080/"]
${often}
`,
  };
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
  return {
    origin: await asRepository(bench, name, folder),
    changed: "index.html",
    textWith: (word) => `${word}\n`,
  };
}

async function asRepository(bench: Bench, name: string, folder: string): Promise<string> {
  const origin = join(bench.folder, `${name}.git`);
  await makeRepository(bench, origin, folder);
  await rm(folder, { recursive: true });
  return origin;
}
