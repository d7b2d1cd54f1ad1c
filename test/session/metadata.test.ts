// What the daemon says in the headers of its calls: patterns of .dockerignore, names of files.
import { describe, expect, test } from "vitest";
import { BuildKitClient, createFilesTree } from "../../src/buildkit/index.js";
import { engineEnv, type LabEngine, onEachEngine } from "../support/engines.js";
import { nonce } from "./session-build.js";

async function contextOf(
  engine: LabEngine,
  files: Record<string, string>,
  dockerfile: string,
): Promise<string> {
  const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
  const tree = createFilesTree(new Map(Object.entries({ ...files, Dockerfile: dockerfile })));
  let log = "";
  try {
    await client.solve({
      trees: { context: tree, dockerfile: tree },
      onStatus: ({ logs }) => {
        for (const { data } of logs) log += Buffer.from(data).toString();
      },
    });
    return log;
  } finally {
    client.close();
    await tree.close();
  }
}

onEachEngine((engine) => {
  describe("the patterns of a .dockerignore", () => {
    test("keep a file out of the build although one of them is not ASCII", async () => {
      const ignore = "geheim ä, wirklich\n*.key\nplus+and%41\n";
      const files = {
        ".dockerignore": ignore,
        "geheim ä, wirklich": "1",
        "id.key": "2",
        "plus+and%41": "3",
        "größe, öffentlich": "4",
        plain: "5",
      };
      const log = await contextOf(engine, files, `FROM busybox\nCOPY . /c\nRUN echo ${nonce()}; find /c\n`);
      expect(log).not.toContain("geheim");
      expect(log).not.toContain("id.key");
      expect(log).not.toContain("plus");
      expect(log).toContain("größe, öffentlich");
      expect(log).toContain("plain");
    });

    test("may be five thousand", async () => {
      const ignore = Array.from({ length: 5000 }, (_, index) => `generated/${index}`).join("\n");
      const files = { ".dockerignore": ignore, "generated/4999": "no", "generated/5000": "yes" };
      const log = await contextOf(
        engine,
        files,
        `FROM busybox\nCOPY . /c\nRUN echo ${nonce()}; find /c/generated\n`,
      );
      expect(log).toContain("5000");
      expect(log).not.toContain("4999");
    });
  });

  test("names with commas, plus signs, percent signs and umlauts are found by COPY", async () => {
    const names = ["a, b.txt", "plus+pct%41.txt", "ü x.txt"];
    const files = Object.fromEntries(names.map((name) => [name, name]));
    const copies = names.map((name) => `COPY ${JSON.stringify([name, "/c/"])}`).join("\n");
    const log = await contextOf(engine, files, `FROM busybox\n${copies}\nRUN echo ${nonce()}; find /c\n`);
    for (const name of names) expect(log).toContain(name);
  });
});
