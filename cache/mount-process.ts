import { Readable, Writable } from "node:stream";
import type { BuildGraph, CacheMountUse, Gateway } from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";
import type { HelperRoot } from "./helper.js";

/** A cache mount in BuildKit, reached through a process beside builds. */
export interface MountProcess {
  /**
   * A digest of names, kinds, sizes, times and owners of everything in it; undefined for an empty one.
   *
   * @param most bytes of one file. A sparse file of a terabyte takes no room, and would be read for an hour
   * @throws GalleyError cache_too_large
   */
  fingerprint(most?: number): Promise<string | undefined>;
  archive(signal: AbortSignal): AsyncIterable<Buffer>;
  fill(archive: AsyncIterable<Uint8Array>): Promise<void>;
  empty(): Promise<void>;
}

const where = "/galley-cache";
const most = 64 * 1024;

/** Opens the mount under the very key that the step's own mount has: id, sharing mode, and what it is seeded with. */
export async function openMount(
  gateway: Gateway,
  root: HelperRoot,
  graph: BuildGraph,
  mount: CacheMountUse,
): Promise<MountProcess> {
  const { seed, id, sharing } = mount;
  const seeded = seed && { ref: await gateway.load(graph.part(seed)), selector: seed.selector };
  const mounts = [
    { dest: "/", ref: root.ref, readonly: true },
    { dest: where, cache: id, sharing, ...seeded },
  ];
  const run = async (
    script: string,
    streams: { stdin?: Readable; stdout?: Writable; signal?: AbortSignal } = {},
  ) => {
    const said = collector();
    const prefix = root.prefix;
    const args = [...root.shell, script.replaceAll("$B", prefix)];
    const code = await gateway.exec({
      args,
      cwd: "/",
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
      mounts,
      stderr: said.sink,
      ...streams,
    });
    if (code !== 0) {
      const what = script.split(" ")[0]?.replace("$B", "");
      throw new GalleyError(
        "engine_error",
        `${what} on a cache mount ended with ${code}: ${said.text().slice(0, 500)}`,
      );
    }
  };
  return {
    async fingerprint(most = Number.MAX_SAFE_INTEGER) {
      const out = collector();
      // Times of directories do not count: they do not survive being unpacked.
      const script = [
        `{ $Bfind ${where} ! -type d -exec $Bstat -c '%n %f %s %Y %u %g' {} + ;`,
        `$Bfind ${where} -mindepth 1 -type d -exec $Bstat -c '%n %f %u %g' {} + ; } | $Bsort | $Bsha256sum;`,
        `$Bfind ${where} -mindepth 1 | $Bhead -n 1 | $Bwc -l;`,
        `$Bfind ${where} -type f -size +${most}c | $Bhead -n 1 | $Bwc -l`,
      ].join(" ");
      await run(script, { stdout: out.sink });
      const [, digest, count, large] =
        /^([0-9a-f]{64})\s[^\n]*\n\s*(\d+)\s*\n\s*(\d+)/.exec(out.text()) ?? [];
      if (digest === undefined)
        throw new GalleyError("engine_error", "A cache mount could not be looked at.");
      if (large !== "0")
        throw new GalleyError("cache_too_large", `A file in a cache mount is larger than ${most} bytes.`);
      return count === "0" ? undefined : digest;
    },
    async *archive(signal) {
      const out = throughput();
      const over = new AbortController();
      const running = run(`$Btar -cf - -C ${where} .`, {
        stdout: out.sink,
        signal: AbortSignal.any([signal, over.signal]),
      }).then(
        () => out.end(),
        (error: unknown) => out.end(error as Error),
      );
      try {
        yield* out.read();
      } finally {
        over.abort();
        out.end(new Error("nobody reads it any more"));
        await running;
      }
    },
    async fill(archive) {
      // Owners by number: the names of the image that unpacks are not those of the image that packed.
      await run(`$Btar --numeric-owner -xpf - -C ${where}`, {
        stdin: Readable.from(archive, { objectMode: false }),
      });
    },
    // Debian's busybox has no `-delete`.
    empty: () => run(`$Bfind ${where} -mindepth 1 -maxdepth 1 -exec $Brm -rf {} +`),
  };
}

function collector() {
  const parts: Buffer[] = [];
  let bytes = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (bytes < most) parts.push(Buffer.from(chunk));
      bytes += chunk.length;
      done();
    },
  });
  return { sink, text: () => Buffer.concat(parts).toString("utf8") };
}

/** A sink whose writer waits for its reader. */
function throughput() {
  const waiting: { chunk: Buffer; done: () => void }[] = [];
  let wake = () => {};
  let ended: { error?: Error } | undefined;
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      if (ended) return done();
      waiting.push({ chunk, done });
      wake();
    },
  });
  return {
    sink,
    end(error?: Error) {
      ended ??= error ? { error } : {};
      for (const { done } of error ? waiting.splice(0) : []) done();
      wake();
    },
    async *read(): AsyncGenerator<Buffer> {
      for (;;) {
        const next = waiting.shift();
        if (next) {
          try {
            yield next.chunk;
          } finally {
            // A reader that goes away must not leave the writer waiting.
            next.done();
          }
        } else if (ended) {
          if (ended.error) throw ended.error;
          return;
        } else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}
