import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { fewLarge, makeTree, measureFolder, treeBytes } from "../fixtures.js";
import { plainBuild } from "../same-options.js";
import type { Contender, Prepared, Scenario } from "../scenario.js";

const kinds = ["local", "tar", "docker", "oci"] as const;
type Kind = (typeof kinds)[number];

/** Receiving 500 MB in each form that the engine has. */
export const exports: Scenario = {
  name: "export",
  summary: `receiving 500 MB as ${kinds.join(", ")} (what the engine has of these)`,
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const offered = kinds.filter(
    (kind) => kind === "local" || kind === "tar" || bench.engine.store === "containerd",
  );
  const folder = join(bench.folder, "export");
  await makeTree(folder, fewLarge, { Dockerfile: "FROM scratch\nCOPY . /\n" });
  const sizes = new Map<string, number>();
  const contender = (kind: Kind, tool: "galley" | "buildx"): Contender => {
    const name = `${tool}-${kind}`;
    const dest = join(bench.folder, `export-${name}`);
    return {
      name,
      run: () => bench.measure(bench[tool]([...plainBuild, "-o", `type=${kind},dest=${dest}`, folder])),
      after: async () => {
        const received =
          kind === "local" ? await measureFolder(dest) : { files: 1, bytes: (await stat(dest)).size };
        await rm(dest, { recursive: true });
        const { files, bytes } = received;
        if (bytes < treeBytes(fewLarge) || files !== (kind === "local" ? fewLarge.files + 1 : 1))
          throw new Error(`export: ${name} has received ${files} files of ${bytes} bytes`);
        sizes.set(name, bytes);
        return {};
      },
    };
  };
  return {
    contenders: offered.flatMap((kind) => [contender(kind, "galley"), contender(kind, "buildx")]),
    rows: offered.map((kind) => ({
      title: `Receiving 500 MB, type=${kind}`,
      subject: `galley-${kind}`,
      yardstick: `buildx-${kind}`,
    })),
    verify: async () => {
      for (const kind of offered) {
        const difference = (sizes.get(`galley-${kind}`) ?? 0) - (sizes.get(`buildx-${kind}`) ?? 0);
        // Archives hold names and times that may differ by a few bytes.
        if (Math.abs(difference) > 64 * 1024)
          throw new Error(`export: the sizes differ: ${JSON.stringify([...sizes])}`);
      }
      await rm(folder, { recursive: true });
    },
  };
}
