// What the tests of exports and caches share: one small build with everything a file system can hold, and ways to look.
import { execFile } from "node:child_process";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  BuildKitClient,
  createFilesTree,
  type SolveOptions,
  type SolveStatus,
} from "../../src/buildkit/index.js";
import { engineEnv, type LabEngine } from "../support/engines.js";

export const run = promisify(execFile);

/** `token` makes the build one that no other run has built. */
export const treeDockerfile = (token: string): string => `FROM busybox AS make
RUN echo ${token} && mkdir -p /out/bin /out/empty /out/closed && cd /out && \\
    echo '#!/bin/sh' > bin/run && chmod 755 bin/run && echo secret > bin/secret && chmod 600 bin/secret && \\
    echo "with space" > "a name with spaces" && echo umlaut > "über" && ln -s bin/run link && ln -s /nowhere dangling && \\
    ln bin/run hard && head -c 3000000 /dev/zero > big && : > nothing && chmod 4755 big && chmod 1777 empty && \\
    touch -d "2001-02-03 04:05:06" bin/secret && echo x > closed/file && chmod 555 closed
FROM scratch
COPY --from=make /out /
`;

export const imageDockerfile = (token: string): string => `FROM busybox
RUN echo ${token} > /token
CMD ["cat", "/token"]
`;

export interface Built {
  readonly exporterResponse: Readonly<Record<string, string>>;
  /** Names of the steps that ran, and of those that came from the cache. */
  readonly ran: readonly string[];
  readonly cached: readonly string[];
}

/** Builds a Dockerfile without a context on one engine. */
export async function build(
  engine: LabEngine,
  dockerfile: string,
  options: Omit<SolveOptions, "trees" | "onStatus"> = {},
): Promise<Built> {
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  const steps = new Map<string, { name: string; cached: boolean }>();
  const tree = createFilesTree(new Map([["Dockerfile", dockerfile]]));
  try {
    const onStatus = (status: SolveStatus) => {
      for (const { digest, name, cached = false } of status.vertexes) {
        if (/^\[(?!internal)/.test(name))
          steps.set(digest, { name, cached: cached || (steps.get(digest)?.cached ?? false) });
      }
    };
    const { exporterResponse } = await client.solve({
      ...options,
      trees: { context: tree, dockerfile: tree },
      onStatus,
    });
    const named = (cached: boolean) =>
      [...steps.values()].filter((step) => step.cached === cached).map(({ name }) => name);
    return { exporterResponse, ran: named(false), cached: named(true) };
  } finally {
    client.close();
  }
}

/** The same with `docker buildx build`; resolves with its plain progress. */
export async function buildx(
  engine: LabEngine,
  dockerfile: string,
  args: readonly string[],
  context: string,
): Promise<string> {
  const env = { ...engineEnv(engine), BUILDX_CONFIG: join(context, "..", "buildx-config") };
  // Attestations hold times and names of the build, and 20.10 knows none.
  const plain = engine.version === 20 ? [] : ["--provenance=false"];
  const building = run(
    "docker",
    ["buildx", "build", "--progress=plain", ...plain, "-f", "-", ...args, context],
    { env },
  );
  building.child.stdin?.on("error", () => {});
  building.child.stdin?.end(dockerfile);
  return (await building).stderr;
}

/** Removes from the engine's build cache what steps with the token have left, and nothing else. */
export async function forget(engine: LabEngine, token: string): Promise<number> {
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  let removed = 0;
  try {
    for (let round = 0; round < 10; round += 1) {
      const records = await client.diskUsage();
      const mine = records.filter(({ description }) => description.includes(token));
      if (mine.length === 0) break;
      const { records: gone } = await client.prune({ filter: mine.map(({ id }) => `id==${id}`), all: true });
      removed += gone.length;
      if (gone.length === 0) break;
    }
  } finally {
    client.close();
  }
  return removed;
}

export interface Listed {
  /** Path, type and mode, size, link target, number of links. */
  readonly line: string;
  readonly mtimeNs: bigint;
}

export async function listing(directory: string): Promise<Listed[]> {
  const names = await readdir(directory, { recursive: true });
  const entries = names.sort().map(async (name) => {
    const path = join(directory, name);
    const found = await lstat(path, { bigint: true });
    const target = found.isSymbolicLink() ? await readlink(path) : "";
    const size = found.isDirectory() ? 0n : found.size;
    const links = found.isFile() ? found.nlink : 0n;
    return { line: `${name} ${found.mode.toString(8)} ${size} ${target} ${links}`, mtimeNs: found.mtimeNs };
  });
  return Promise.all(entries);
}

/** Names and contents of a tar's regular entries, in order, read with the system's tar. */
export const tarListing = async (file: string): Promise<string> =>
  (await run("tar", ["--numeric-owner", "--full-time", "-tvf", file], { env: { ...process.env, TZ: "UTC" } }))
    .stdout;

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "galley-export-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const readJson = async (path: string) => JSON.parse(await readFile(path, "utf8"));
