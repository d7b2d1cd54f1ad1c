import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { fewLarge, makeTree, measureFolder, treeBytes } from "../fixtures.js";
import { plainBuild } from "../same-options.js";
import type { Contender, Prepared, Row, Scenario } from "../scenario.js";

const kinds = ["local", "tar", "docker", "oci"] as const;
type Kind = (typeof kinds)[number];

/** Receiving 500 MB in each form that the engine has. */
export const exports: readonly Scenario[] = kinds.map((kind) => ({
  name: `export-${kind}`,
  summary: `receiving 500 MB as type=${kind}`,
  unavailable: ({ engine }) =>
    (kind === "docker" || kind === "oci") && engine.store === "plain"
      ? "this image store has no such exporter"
      : undefined,
  setUp: (bench) => setUp(bench, kind),
}));

async function setUp(bench: Bench, kind: Kind): Promise<Prepared> {
  const folder = join(bench.folder, `export-${kind}`);
  await makeTree(folder, fewLarge, { Dockerfile: "FROM scratch\nCOPY . /\n" });
  const sizes = new Map<string, number>();
  const contender = (tool: "galley" | "buildx"): Contender => {
    const dest = join(bench.folder, `export-${kind}-${tool}`);
    return {
      name: tool,
      before: () => rm(dest, { recursive: true, force: true }),
      run: () => bench.measure(bench[tool]([...plainBuild, "-o", `type=${kind},dest=${dest}`, folder])),
      after: async () => {
        const { files, bytes } =
          kind === "local" ? await measureFolder(dest) : { files: 1, bytes: (await stat(dest)).size };
        if (kind === "local" && files !== fewLarge.files + 1)
          throw new Error(`export-local: ${tool} has received ${files} files`);
        if (bytes < treeBytes(fewLarge))
          throw new Error(`export-${kind}: ${tool} has received ${bytes} bytes`);
        sizes.set(tool, bytes);
        return {};
      },
    };
  };
  const row: Row = {
    title: `Receiving 500 MB, type=${kind}`,
    subject: "galley",
    yardstick: "buildx",
  };
  return {
    contenders: [contender("galley"), contender("buildx")],
    rows: [row],
    verify: async () => {
      const [one = 0, other = 0] = [...sizes.values()];
      // Archives hold times and annotations that may differ by a few bytes.
      if (Math.abs(one - other) > 64 * 1024)
        throw new Error(`export-${kind}: ${JSON.stringify([...sizes])} bytes were received`);
      await rm(folder, { recursive: true });
      for (const tool of sizes.keys())
        await rm(join(bench.folder, `export-${kind}-${tool}`), { recursive: true });
    },
  };
}
