import { expect, test } from "vitest";
import { imageLabels, keptImage } from "./kept-images.js";

test("An image says whose builds made it: forks' are told from the repository's own, which carry no word of it.", () => {
  const project = { id: "p1", repoKey: "repo-a" };
  const image = (scope: string) => ({
    ...{ id: "sha256:1", names: [], createdAt: "2026-01-01T00:00:00.000Z", ownBytes: 1, sharedBytes: 0 },
    labels: imageLabels("agent-1", project, scope),
  });
  expect(keptImage("repo-a", image("fork-pr-7"), undefined, false).scope).toBe("fork-pr-7");
  expect(keptImage("repo-a", image("base"), undefined, false).scope).toBe("base");
  expect(Object.keys(imageLabels("agent-1", project, "base"))).toHaveLength(3);
});
