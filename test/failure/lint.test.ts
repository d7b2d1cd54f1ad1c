// What BuildKit's linter finds comes with the progress of a build that may well succeed.
import { expect, test } from "vitest";
import { createFilesTree, type LintWarning, toLintWarning } from "../../src/buildkit/index.js";
import { onEachEngine } from "../support/engines.js";
import { connectTo } from "./failing-build.js";

const dockerfile = "FROM busybox AS Web\nMAINTAINER somebody\nRUN true\n";

onEachEngine((engine) => {
  const title =
    engine.version === 28
      ? "lint warnings have rule, message, file, lines and address"
      : "an engine without a linter has no lint warnings";
  test(title, async () => {
    const client = await connectTo(engine);
    const tree = createFilesTree(new Map([["Dockerfile", dockerfile]]));
    const warnings: LintWarning[] = [];
    try {
      await client.solve({
        trees: { context: tree, dockerfile: tree },
        onStatus: (status) => warnings.push(...status.warnings.map(toLintWarning)),
      });
    } finally {
      await tree.close();
      client.close();
    }
    if (engine.version !== 28) return expect(warnings).toEqual([]);
    expect(warnings).toContainEqual({
      rule: "StageNameCasing",
      message: "Stage name 'Web' should be lowercase",
      file: "Dockerfile",
      lines: [{ start: 1, end: 1 }],
      url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
    });
    expect(warnings.map(({ rule, lines }) => [rule, lines[0]?.start])).toContainEqual([
      "MaintainerDeprecated",
      2,
    ]);
  });
});
