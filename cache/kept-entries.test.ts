import { extract, pack } from "tar-stream";
import { expect, test } from "vitest";
import { keptEntries } from "./kept-entries.js";
import { tarEnd } from "./tar-entry.js";

const long = `${"long-".repeat(40)}name`;

async function archive(): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: "./", type: "directory" });
  tar.entry({ name: "./a", type: "directory" });
  tar.entry({ name: "./a/one" }, Buffer.alloc(1_300, "1"));
  tar.entry({ name: `./a/${long}` }, Buffer.alloc(700, "2"));
  tar.entry({ name: "./b" }, "");
  tar.entry({ name: "./link", type: "symlink", linkname: "a/one" });
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function kept(bytes: Buffer, size: number, left: readonly string[]): Promise<Record<string, number>> {
  const parts: Buffer[] = [];
  for await (const part of keptEntries(inPieces(bytes, size), new Set(left))) parts.push(Buffer.from(part));
  const found: Record<string, number> = {};
  const tar = extract();
  const done = new Promise<void>((resolve, reject) => tar.on("finish", resolve).on("error", reject));
  tar.on("entry", ({ name, type }, stream, next) => {
    let length = 0;
    stream.on("data", (chunk) => {
      length += (chunk as Buffer).length;
    });
    stream.on("end", () => {
      found[`${name} ${type}`] = length;
      next();
    });
  });
  tar.end(Buffer.concat([...parts, tarEnd]));
  await done;
  return found;
}

const all = {
  "./ directory": 0,
  "./a directory": 0,
  "./a/one file": 1_300,
  [`./a/${long} file`]: 700,
  "./b file": 0,
  "./link symlink": 0,
};

test.each([1, 7, 512, 700, 1_000_000])(
  "Entries are left out by their names, whatever the archive is cut into: pieces of %d bytes.",
  async (size) => {
    const bytes = await archive();
    expect(await kept(bytes, size, [])).toEqual(all);
    expect(await kept(bytes, size, ["a/one", "b"])).toEqual({
      "./ directory": 0,
      "./a directory": 0,
      [`./a/${long} file`]: 700,
      "./link symlink": 0,
    });
    expect(await kept(bytes, size, [`a/${long}`, "a", "link", "nothing of the kind"])).toEqual({
      "./ directory": 0,
      "./a/one file": 1_300,
      "./b file": 0,
    });
  },
);

test("What is cut off, or no tar at all, is damaged.", async () => {
  const bytes = await archive();
  await expect(kept(bytes.subarray(0, 2_000), 512, [])).rejects.toMatchObject({ code: "cache_damaged" });
  const noise = Buffer.alloc(1_024, "nonsense");
  await expect(kept(noise, 512, [])).rejects.toMatchObject({ code: "cache_damaged" });
});
