import { randomFillSync } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { chunkStore } from "../../../cache/chunks.js";
import { type MountProcess, openMount } from "../../../cache/mount-process.js";
import { storeMount } from "../../../cache/store-mount.js";
import { readArchive, type StoredMount } from "../../../cache/stored-mount.js";
import { tarEnd, tarHeader, tarPadding } from "../../../cache/tar-entry.js";
import {
  type BuildGraph,
  BuildKitClient,
  createRegistryAuth,
  loadDockerConfig,
  sourceDefinition,
} from "../../../src/buildkit/index.js";
import type { Bench } from "../bench.js";
import { type TreeShape, treeBytes, treeFile } from "../fixtures.js";
import type { Contender, Prepared, Scenario, Target } from "../scenario.js";
import { timed } from "../timed.js";

const shape: TreeShape = { files: 10_000, bytes: 25_000 };
/** One directory of a hundred, which changes between two builds. */
const changed = 100;
const atOnce = 1024 * 1024;

/** How fast a cache mount is stored and filled, beside the plain tar stream that both are made of. */
export const mountSpeed: Scenario = {
  name: "mount-speed",
  summary: "storing and filling a cache mount of 250 MB in 10,000 files, beside a plain tar stream",
  beside: "nothing",
  topic: "caches",
  images: [],
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const { env, signal } = bench;
  const client = await BuildKitClient.connect(undefined, { env, signal });
  const auth = createRegistryAuth({ config: await loadDockerConfig(undefined, env), env });
  const id = `galley-bench-${process.pid}/mount`;
  const tar = join(bench.folder, "mount.tar");
  const directory = join(bench.folder, "mount-chunks");
  const chunks = chunkStore(directory);
  const base = sourceDefinition("docker-image://docker.io/library/busybox:latest");
  /** The stream alone is measured: opening the gateway takes the same for all. */
  const open = <T>(work: (mount: MountProcess) => Promise<T>): Promise<T> =>
    client.gateway({ services: [auth], sharedKey: "galley-bench", signal }, async (gateway) => {
      const root = { ref: await gateway.load(base), shell: ["/bin/sh", "-c"], prefix: "" };
      const use = { id, sharing: "shared" as const, dest: "/m", seed: undefined };
      return work(await openMount(gateway, root, nothing, use));
    });
  let stored: StoredMount | undefined;
  let archiveBytes = 0;
  let fingerprint: string | undefined;
  const store = async (mount: MountProcess) => {
    const { written, ...contents } = await storeMount(mount, stored, chunks, 100e9, signal);
    stored = { ...about, ...contents };
    return written;
  };
  await open(async (mount) => {
    await mount.fill(files(shape.files));
    await pipeline(mount.archive(signal), createWriteStream(tar));
    archiveBytes = (await stat(tar)).size;
    if (archiveBytes < treeBytes(shape)) throw new Error(`mount-speed: the mount has ${archiveBytes} bytes`);
  });

  const contender = (
    name: string,
    work: (mount: MountProcess) => Promise<unknown>,
    before: (mount: MountProcess) => Promise<unknown> = async () => {},
    check: (mount: MountProcess) => Promise<void> = async () => {},
  ): Contender => {
    let ms = 0;
    return {
      name,
      run: () =>
        timed(() =>
          open(async (mount) => {
            await before(mount);
            ms = (await timed(() => work(mount))).wallMs;
            await check(mount);
          }),
        ),
      after: () => ({ bytesPerSecond: archiveBytes / (ms / 1000) }),
    };
  };
  const isWhole = async (mount: MountProcess) => {
    if ((await mount.fingerprint()) !== fingerprint) throw new Error("mount-speed: it is not what it was");
  };
  const rate = (title: string, subject: string, yardstick?: string, target?: Target) => ({
    title,
    subject,
    figure: "bytesPerSecond",
    unit: "MB/s" as const,
    ...(yardstick ? { yardstick } : {}),
    ...(target ? { target } : {}),
  });
  const asFast: Target = { text: "≥ the plain stream", met: (_, ratio) => ratio >= 1 };
  return {
    contenders: [
      contender("tar out", (mount) => pipeline(mount.archive(signal), createWriteStream(tar))),
      contender("store", store, () => {
        stored = undefined;
        return rm(directory, { recursive: true, force: true });
      }),
      contender(
        "store changes",
        async (mount) => {
          const written = await store(mount);
          if (written > treeBytes(shape) / 10)
            throw new Error(`mount-speed: ${written} bytes were written again`);
        },
        (mount) => mount.fill(files(changed)),
        async (mount) => {
          fingerprint = await mount.fingerprint();
        },
      ),
      contender(
        "restore",
        (mount) => mount.fill(readArchive(stored ?? about, chunks)),
        (mount) => mount.empty(),
        isWhole,
      ),
      contender(
        "tar in",
        (mount) => mount.fill(createReadStream(tar, { highWaterMark: atOnce })),
        (mount) => mount.empty(),
      ),
    ],
    rows: [
      rate("A cache mount of 250 MB, plain tar stream to a file", "tar out"),
      rate("… stored for the first time", "store", "tar out", asFast),
      rate("… stored again with one directory in a hundred changed", "store changes", "tar out", asFast),
      rate("… plain tar stream from a file", "tar in"),
      rate("… filled from what was stored", "restore", "tar in", asFast),
    ],
    memoryRows: [],
    close: async () => client.close(),
  };
}

/** Of a stored mount what is no matter here. */
const about: StoredMount = {
  ...{ v: 1, id: "mount", scope: "base", fingerprint: "", storedAt: "", chunks: [] },
  content: { bytes: 0, entries: 0, directories: [] },
};

/** No step of a build: the mount begins with nothing. */
const nothing: BuildGraph = {
  steps: [],
  part: () => {
    throw new Error("mount-speed: there is no graph");
  },
  again: undefined,
};

/** A tar of the first so many files, each with contents that it never had. */
async function* files(count: number): AsyncGenerator<Buffer> {
  for (let index = 0; index < count; index++) {
    const content = randomFillSync(Buffer.allocUnsafe(shape.bytes));
    yield Buffer.concat([tarHeader(treeFile(index), shape.bytes), content, tarPadding(shape.bytes)]);
  }
  yield tarEnd;
}
