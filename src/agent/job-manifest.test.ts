import { expect, test } from "vitest";
import { createFilesTree } from "../buildkit/index.js";
import type { Job } from "../bus/index.js";
import { filesOfTree } from "../manifest/index.js";
import { manifestOfJob } from "./job-manifest.js";

const job = {
  deployment: "dep1",
  project: { id: "prj1", name: "shop", repoKey: "shop", url: "https://git.example/shop", credential: null },
  environment: { id: "env1", name: "pr-7", pr: 7 },
  ref: "refs/pull/7/head",
  env: { COLOUR: "blue" },
  secrets: { API_KEY: "s3cr3t", OTHER: "t0k3n" },
  ingress: { scheme: "http", domain: "localhost", port: null },
} as never as Job;

const read = (compose: object, fork: boolean) => {
  const files = filesOfTree(createFilesTree(new Map([["compose.yaml", JSON.stringify(compose)]])));
  const source = { commit: "c".repeat(40), fork, files: files as never };
  return manifestOfJob(job, source, { onNote: () => {}, signal: new AbortController().signal });
};
const web = (more: object, rest: object = {}) => ({
  services: { web: { image: "a", ports: ["80"], ...more } },
  ...rest,
});

test("A fork's manifest that asks for no secrets is read like any other, with the project's variables.", async () => {
  const { manifest } = await read(web({ environment: { C: "$COLOUR", N: "$GALLEY_PR_NUMBER" } }), true);
  expect(manifest.services[0]?.env).toEqual({ C: "blue", N: "7" });
});

test.each([
  ["a variable", web({ environment: { KEY: "$API_KEY" } })],
  ["a variable of the same name", web({ environment: ["API_KEY"] })],
  ["a variable with a default", web({ environment: { URL: `a:\${API_KEY:-none}@b` } })],
  ["a file", web({ secrets: ["k"] }, { secrets: { k: { environment: "API_KEY" } } })],
  ["a file from elsewhere", web({ secrets: ["k"] }, { secrets: { k: { external: true, name: "API_KEY" } } })],
  [
    "a text in a file",
    web({ configs: [{ source: "c", target: "/c" }] }, { configs: { c: { content: "k=$API_KEY" } } }),
  ],
  [
    "a build",
    web(
      { image: undefined, build: { dockerfile_inline: "FROM a", secrets: ["API_KEY"] } },
      { secrets: { API_KEY: { environment: "API_KEY" } } },
    ),
  ],
])(
  "A fork that asks for a secret for %s gets none, and who has it is told how to give it.",
  async (_what, compose) => {
    expect(JSON.stringify((await read(compose, false)).manifest)).toMatch(/API_KEY|s3cr3t/);
    await expect(read(compose, true)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringMatching(/asks for API_KEY\.$/),
      hint: expect.stringContaining(`galley deploy shop --pr 7 --commit ${"c".repeat(40)} --no-fork`),
    });
  },
);
