import { dockerfileOf, exec, type Language, procfileWeb } from "./language.js";
import { nodeVersion } from "./node-version.js";

const lockFiles = ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml"];

interface PackageFile {
  readonly scripts: Readonly<Record<string, unknown>>;
  readonly engines: Readonly<Record<string, unknown>>;
  readonly needs: Readonly<Record<string, unknown>>;
  readonly packageManager: unknown;
}

/** A package.json that says how it starts, or a front end that is built into files by a tool that is known. */
export const node: Language = {
  lookedFor: [
    "package.json",
    ...lockFiles,
    ".nvmrc",
    ".node-version",
    "server.js",
    "Procfile",
    ".yarnrc.yml",
    ".npmrc",
  ],
  async recognise(candidate) {
    const { has, text, start, command } = candidate;
    if (!has.has("package.json")) return undefined;
    const manifest = readPackage(await text("package.json"));
    if (!manifest) return "package.json is no JSON object";
    const pinned = (await text(".nvmrc")) ?? (await text(".node-version"));
    const version = nodeVersion(pinned, manifest.engines.node);
    const install = installOf(has, manifest.packageManager);
    const builds =
      command ?? (typeof manifest.scripts.build === "string" ? `${install.run} build` : undefined);
    const before = [
      `FROM node:${version}-slim${start ? "" : " AS build"}`,
      "WORKDIR /app",
      install.prepare && `RUN ${install.prepare}`,
      `COPY ${["package.json", ...install.files].join(" ")} ./`,
      `RUN ${install.install}`,
      "COPY . .",
    ];
    const starts =
      start ??
      (await procfileWeb(candidate)) ??
      (typeof manifest.scripts.start === "string"
        ? ["npm", "start"]
        : has.has("server.js")
          ? ["node", "server.js"]
          : undefined);
    const folder =
      "vite" in manifest.needs ? "dist" : "react-scripts" in manifest.needs ? "build" : undefined;
    // A development server is no preview: what these tools build is files, and their `start` is that server.
    const isFiles = folder !== undefined && builds !== undefined && !start && (folder === "build" || !starts);
    if (isFiles) {
      return {
        language: "Node",
        port: 80,
        dockerfile: dockerfileOf([
          ...before,
          `RUN ${builds}`,
          "",
          "FROM nginx:alpine",
          `COPY --from=build /app/${folder} /usr/share/nginx/html`,
          "RUN sed -i 's|index  index.html index.htm;|try_files $uri $uri/ /index.html;|' /etc/nginx/conf.d/default.conf",
          "EXPOSE 80",
        ]),
      };
    }
    if (!starts) return "package.json has no script `start`";
    return {
      language: "Node",
      port: 3000,
      dockerfile: dockerfileOf([
        before[0]?.replace(" AS build", ""),
        ...before.slice(1),
        builds && `RUN ${builds}`,
        "ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000",
        "EXPOSE 3000",
        `CMD ${exec(starts)}`,
      ]),
    };
  },
};

function readPackage(text: string | undefined): PackageFile | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const file = value as Record<string, unknown>;
    const map = (key: string) => {
      const found = file[key];
      return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : {};
    };
    return {
      scripts: map("scripts"),
      engines: map("engines"),
      needs: { ...map("devDependencies"), ...map("dependencies") },
      packageManager: file.packageManager,
    };
  } catch {
    return undefined;
  }
}

interface Install {
  readonly prepare?: string;
  readonly files: readonly string[];
  readonly install: string;
  readonly run: string;
}

function installOf(has: ReadonlySet<string>, packageManager: unknown): Install {
  const configured = [".npmrc", ".yarnrc.yml"].filter((name) => has.has(name));
  if (has.has("pnpm-lock.yaml")) {
    return {
      prepare: "npm install -g corepack@latest && corepack enable pnpm",
      files: ["pnpm-lock.yaml", ...configured],
      install: "pnpm install --frozen-lockfile",
      run: "pnpm run",
    };
  }
  if (has.has("yarn.lock")) {
    const modern =
      has.has(".yarnrc.yml") || (typeof packageManager === "string" && /^yarn@[2-9]/.test(packageManager));
    return {
      ...(modern ? { prepare: "npm install -g corepack@latest && corepack enable yarn" } : {}),
      files: ["yarn.lock", ...configured],
      install: modern ? "yarn install --immutable" : "yarn install --frozen-lockfile",
      run: "yarn run",
    };
  }
  const lock = ["package-lock.json", "npm-shrinkwrap.json"].find((name) => has.has(name));
  const cache = "--mount=type=cache,target=/root/.npm ";
  return lock
    ? { files: [lock, ...configured], install: `${cache}npm ci`, run: "npm run" }
    : { files: configured, install: `${cache}npm install`, run: "npm run" };
}
