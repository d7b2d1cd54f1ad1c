// Repositories whose builds fetch packages into a cache mount: made by the benchmark, of packages that its own registry has.
import { type MadePackage, makePackage, packageName } from "./packages.js";

/** Path: text. */
export type Files = Readonly<Record<string, string>>;

export interface CachedRepository {
  readonly name: string;
  /** What a push brings: `word` is in a file of the source, `more` packages are wanted beside those that always are. */
  files(push: { readonly word: string; readonly more?: readonly string[] }): Files;
  /** Services, with their Dockerfiles. */
  readonly services: Readonly<Record<string, string>>;
  /** Where the packages are in an image. */
  readonly modules: string;
}

/** A package that an application did not need until now. */
export const anotherPackage = (word: string): string => packageName(`more-${word}`, applicationKilobytes);

const applicationPackages = 160;
const applicationKilobytes = 125;
const npmrc = (registry: string) =>
  `registry=${registry}\naudit=false\nfund=false\nupdate-notifier=false\nreplace-registry-host=never\n`;
const manifest = (dockerfiles: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    version: 1,
    services: Object.fromEntries(
      Object.entries(dockerfiles).map(([service, dockerfile]) => [
        service,
        { kind: "worker", build: { path: ".", dockerfile } },
      ]),
    ),
  });
/** Ends at once when it is told to. */
const idle = `process.on("SIGTERM", () => process.exit());\nsetInterval(() => {}, 1e6);\n`;

/** An application with a lock file: `npm ci`, then its sources, then a step that makes something of them. */
export function nodeApplication(registry: string): CachedRepository {
  const own = Array.from({ length: applicationPackages }, (_, index) =>
    packageName(`app-${index}`, applicationKilobytes),
  );
  const services = { app: "Dockerfile" };
  const dockerfile = [
    "FROM node:22-slim",
    "WORKDIR /app",
    "COPY package.json package-lock.json .npmrc ./",
    "RUN --mount=type=cache,target=/root/.npm npm ci",
    "COPY . .",
    "RUN node build.mjs",
    'CMD ["node", "dist.mjs"]',
  ];
  return {
    name: "app",
    services,
    modules: "/app/node_modules",
    files: ({ word, more = [] }) => {
      const names = [...own, ...more];
      const about = { name: "app", dependencies: Object.fromEntries(names.map((name) => [name, "1.0.0"])) };
      return {
        "package.json": JSON.stringify({ ...about, private: true }),
        "package-lock.json": JSON.stringify({
          ...{ name: "app", lockfileVersion: 3, requires: true },
          packages: Object.fromEntries([["", about], ...names.map((name) => locked(name, registry))]),
        }),
        ".npmrc": npmrc(registry),
        ".dockerignore": ".git\n",
        Dockerfile: `${dockerfile.join("\n")}\n`,
        "source.mjs": `// ${word}\n${idle}`,
        "build.mjs": `import { copyFileSync } from "node:fs";\ncopyFileSync("source.mjs", "dist.mjs");\n`,
        "galley.yml": manifest(services),
      };
    },
  };
}

function locked(name: string, registry: string): [string, object] {
  const { version, integrity } = makePackage(name) as MadePackage;
  const resolved = `${registry}${name}/-/${name}-${version}.tgz`;
  return [`node_modules/${name}`, { version, resolved, integrity }];
}

const names = ["basket", "catalog", "gateway", "mailer", "site"] as const;
const sharedPackages = 40;
const ownPackages = 12;
const monorepoKilobytes = 60;

/** Five services and a package that all of them use, without a lock file: a push that changes that package installs in all. */
export function monorepo(registry: string): CachedRepository {
  const services = Object.fromEntries(names.map((name) => [name, `services/${name}/Dockerfile`]));
  const wanted = (prefix: string, count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [
        packageName(`${prefix}-${index}`, monorepoKilobytes),
        "1.0.0",
      ]),
    );
  const dockerfile = (name: string) => [
    "FROM node:22-slim",
    "WORKDIR /repo",
    "COPY package.json .npmrc ./",
    "COPY packages packages",
    `COPY services/${name} services/${name}`,
    `RUN --mount=type=cache,target=/root/.npm npm install --omit=dev --workspace @mono/${name}`,
    `WORKDIR /repo/services/${name}`,
    'CMD ["node", "server.mjs"]',
  ];
  return {
    name: "mono",
    services,
    modules: "/repo/node_modules",
    files: ({ word }) => ({
      "package.json": JSON.stringify({ private: true, workspaces: ["packages/*", "services/*"] }),
      ".npmrc": npmrc(registry),
      ".dockerignore": ".git\n",
      "galley.yml": manifest(services),
      "packages/log/package.json": JSON.stringify({
        name: "@mono/log",
        version: "1.0.0",
        dependencies: wanted("common", sharedPackages),
      }),
      "packages/log/index.mjs": `// ${word}\n`,
      ...Object.fromEntries(
        names.flatMap((name) => [
          [`services/${name}/Dockerfile`, `${dockerfile(name).join("\n")}\n`],
          [`services/${name}/server.mjs`, idle],
          [
            `services/${name}/package.json`,
            JSON.stringify({
              name: `@mono/${name}`,
              version: "1.0.0",
              dependencies: { "@mono/log": "1.0.0", ...wanted(name, ownPackages) },
            }),
          ],
        ]),
      ),
    }),
  };
}
