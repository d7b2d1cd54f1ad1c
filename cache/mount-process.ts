import { Readable, Writable } from "node:stream";
import type { BuildGraph, CacheMountUse, Gateway } from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";
import type { HelperRoot } from "./helper.js";
import { type MountListing, mostListed, parseListing } from "./mount-listing.js";

/** A cache mount in BuildKit, reached through a process beside builds. */
export interface MountProcess {
  /**
   * A digest of names, kinds, sizes, times and owners of everything in it; undefined for an empty one.
   *
   * @param most bytes of one file. A sparse file of a terabyte takes no room, and would be read for an hour
   * @throws GalleyError cache_too_large
   */
  fingerprint(most?: number): Promise<string | undefined>;
  /** What is in it, for comparison with another time; undefined where that cannot be told apart, or is too much. */
  list(): Promise<MountListing | undefined>;
  /** @param only paths of `list`: these alone, and of folders not what is in them. Default: all */
  archive(signal: AbortSignal, only?: readonly string[]): AsyncIterable<Buffer>;
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
    const said = collector(most);
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
    async fingerprint(largest = Number.MAX_SAFE_INTEGER) {
      const out = collector(most);
      // Times of directories do not count: they do not survive being unpacked.
      const script = [
        `{ $Bfind ${where} ! -type d -exec $Bstat -c '%n %f %s %Y %u %g' {} + ;`,
        `$Bfind ${where} -mindepth 1 -type d -exec $Bstat -c '%n %f %u %g' {} + ; } | $Bsort | $Bsha256sum;`,
        `$Bfind ${where} -mindepth 1 | $Bhead -n 1 | $Bwc -l;`,
        `$Bfind ${where} -type f -size +${largest}c | $Bhead -n 1 | $Bwc -l`,
      ].join(" ");
      await run(script, { stdout: out.sink });
      const [, digest, count, large] =
        /^([0-9a-f]{64})\s[^\n]*\n\s*(\d+)\s*\n\s*(\d+)/.exec(out.text()) ?? [];
      if (digest === undefined)
        throw new GalleyError("engine_error", "A cache mount could not be looked at.");
      if (large !== "0")
        throw new GalleyError("cache_too_large", `A file in a cache mount is larger than ${largest} bytes.`);
      return count === "0" ? undefined : digest;
    },
    async list() {
      const out = collector(mostListed * 1024);
      const all = "$Bfind . -mindepth 1";
      const script = [
        `cd ${where} && { ${all} ! -type d -exec $Bstat -c '%h %f %s %Y %u %g %n' {} + ;`,
        `${all} -type d -exec $Bstat -c '- %f 0 - %u %g %n' {} + ; } | $Bhead -n ${mostListed + 1}`,
      ].join(" ");
      await run(script, { stdout: out.sink });
      return parseListing(out.text());
    },
    async *archive(signal, only) {
      const out = throughput();
      const over = new AbortController();
      const script = only ? `$Btar -cf - -C ${where} --no-recursion -T -` : `$Btar -cf - -C ${where} .`;
      const running = run(script, {
        ...(only ? { stdin: Readable.from([only.map((path) => `./${path}\n`).join("")]) } : {}),
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

function collector(mostBytes: number) {
  const parts: Buffer[] = [];
  let bytes = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (bytes < mostBytes) parts.push(Buffer.from(chunk));
      bytes += chunk.length;
      done();
    },
  });
  return { sink, text: () => Buffer.concat(parts).toString("utf8") };
}

/** So much comes in while what came before is written: a stream that stands still now and then is never as fast. */
const mostHeld = 8 * 1024 * 1024;

/** A sink whose writer waits for its reader when it is too far ahead. */
function throughput() {
  const waiting: Buffer[] = [];
  let held = 0;
  /** Goes on with the writer. */
  let more: (() => void) | undefined;
  let wake = () => {};
  let ended: { error?: Error } | undefined;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (ended) return done();
      waiting.push(chunk);
      held += chunk.length;
      if (held < mostHeld) done();
      else more = done;
      wake();
    },
  });
  return {
    sink,
    end(error?: Error) {
      ended ??= error ? { error } : {};
      if (error) waiting.length = 0;
      more?.();
      more = undefined;
      wake();
    },
    async *read(): AsyncGenerator<Buffer> {
      for (;;) {
        const next = waiting.shift();
        if (next) {
          held -= next.length;
          if (held < mostHeld) {
            more?.();
            more = undefined;
          }
          yield next;
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
