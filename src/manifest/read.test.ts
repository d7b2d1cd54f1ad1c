import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createDirectoryTree, createFilesTree } from "../buildkit/index.js";
import { filesOfTree, type ReadOptions, readManifest } from "./index.js";

const signal = new AbortController().signal;
const read = (files: Record<string, string | Uint8Array>, options?: ReadOptions) =>
  readManifest(filesOfTree(createFilesTree(new Map(Object.entries(files)))), signal, options);

test("galley.yml goes before a compose file, that before a Dockerfile, and that before a language", async () => {
  const all = {
    "galley.yml": "version: 1\nservices: { a: { kind: web, image: a } }\n",
    "compose.yaml": "services: { b: { image: b } }\n",
    Dockerfile: "FROM scratch\nEXPOSE 81\n",
    "index.html": "",
  };
  const { "galley.yml": _, ...compose } = all;
  const { "compose.yaml": __, ...dockerfile } = compose;
  const { Dockerfile: ___, ...language } = dockerfile;
  const kinds: unknown[] = [];
  for (const files of [all, compose, dockerfile, language]) {
    const { source, services } = await read(files);
    kinds.push([source, services.map(({ name, expose }) => [name, expose])]);
  }
  expect(kinds).toEqual([
    [{ kind: "galley", file: "galley.yml" }, [["a", undefined]]],
    [{ kind: "compose", file: "compose.yaml" }, [["b", undefined]]],
    [{ kind: "dockerfile", file: "Dockerfile" }, [["web", 81]]],
    [{ kind: "recognised", file: "static files" }, [["web", 80]]],
  ]);
});

test("without anything, the error shows what to write", async () => {
  await expect(read({ "README.md": "" })).rejects.toMatchObject({
    code: "manifest_not_found",
    message:
      "the commit has no galley.yml, no compose file and no Dockerfile in its root, and no language is recognised there",
    hint: expect.stringContaining(
      "version: 1\nservices:\n  web:\n    kind: web\n    build: { path: . }\n    expose: 3000",
    ),
  });
  await expect(read({ "package.json": "{}" })).rejects.toMatchObject({
    code: "manifest_not_found",
    message: expect.stringContaining("package.json has no script `start`"),
  });
});

test("the port of a lone Dockerfile is the first one that its last stage exposes", async () => {
  const port = async (text: string) => (await read({ Dockerfile: text })).services[0]?.expose;
  expect(await port("FROM a AS b\nEXPOSE 1\nFROM c\nEXPOSE 53/udp 8080/tcp 9\n")).toBe(8080);
  expect(await port("FROM a\nEXPOSE \\\n  3000\n")).toBe(3000);
  const without = await read({ Dockerfile: "FROM a\nEXPOSE $PORT\n" });
  expect(without.services[0]?.expose).toBeUndefined();
  expect(without.warnings).toEqual([
    {
      file: "Dockerfile",
      message: "exposes no port, so that its service web gets no URL; add EXPOSE, or write a galley.yml",
    },
  ]);
});

test("both spellings of galley.yml: one is read, the other one is told of", async () => {
  const text = "version: 1\nservices: { a: { kind: web, image: a } }\n";
  const { warnings } = await read({ "galley.yml": text, "galley.yaml": "nonsense" });
  expect(warnings).toEqual([{ file: "galley.yaml", message: "is left out, as there is galley.yml" }]);
});

test("a build without a Dockerfile gets one where the language is recognised, with what the manifest says", async () => {
  const { services, warnings } = await read({
    "galley.yml": [
      "version: 1",
      "services:",
      "  web: { kind: web, build: { path: web, command: npm run bundle, start: [node, out.js] } }",
    ].join("\n"),
    "web/package.json": JSON.stringify({ engines: { node: "^20.1" } }),
  });
  expect(services[0]).toMatchObject({ expose: 3000, build: { path: "web", dockerfile: "Dockerfile" } });
  expect(services[0]?.build?.generated?.split("\n")).toEqual([
    "# Written by Galley for Node. To change it, commit a Dockerfile of your own.",
    "FROM node:20-slim",
    "WORKDIR /app",
    "COPY package.json ./",
    "RUN --mount=type=cache,target=/root/.npm npm install",
    "COPY . .",
    "RUN npm run bundle",
    "ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000",
    "EXPOSE 3000",
    'CMD ["node","out.js"]',
    "",
  ]);
  expect(warnings).toEqual([
    {
      file: "galley.yml",
      line: 3,
      column: 28,
      message: "services.web.build: the commit has no web/Dockerfile; one is written for Node",
    },
  ]);
});

test("what cannot be built is said: no directory, no Dockerfile, no language, a link", async () => {
  const galley = (build: string) => `version: 1\nservices:\n  web: { kind: web, build: ${build} }\n`;
  const problem = (build: string, files: Record<string, string> = {}) =>
    expect(read({ "galley.yml": galley(build), ...files })).rejects;
  await problem("{ path: wbe }").toMatchObject({
    code: "manifest_invalid",
    message: "galley.yml:3:28: services.web.build.path: the commit has no directory wbe",
  });
  await problem("{ path: web, dockerfile: docker/prod }", { "web/a": "" }).toMatchObject({
    message: "galley.yml:3:28: services.web.build.dockerfile: the commit has no web/docker/prod",
  });
  await problem("{ path: web }", { "web/a": "" }).toMatchObject({
    message:
      "galley.yml:3:28: services.web.build: the commit has no web/Dockerfile, and no language is recognised there; accepted: a Dockerfile, package.json with a script start, requirements.txt or pyproject.toml, go.mod with main.go, or index.html",
  });
  const { warnings } = await read({ "galley.yml": galley("{ start: node . }"), Dockerfile: "FROM a" });
  expect(warnings?.map(({ message }) => message)).toEqual([
    "services.web.build: command and start are left out, as there is a Dockerfile (Dockerfile)",
  ]);
});

test("links are not followed, wherever they lead", async () => {
  const directory = mkdtempSync(join(tmpdir(), "galley-manifest-"));
  try {
    symlinkSync("/etc/hostname", join(directory, "galley.yml"));
    const files = () => filesOfTree(createDirectoryTree(directory));
    await expect(readManifest(files(), signal)).rejects.toMatchObject({
      code: "manifest_invalid",
      message: "galley.yml: is a symbolic link, which is not followed; accepted: a file of the repository",
    });
    rmSync(join(directory, "galley.yml"));
    symlinkSync("/etc", join(directory, "outside"));
    writeFileSync(
      join(directory, "compose.yaml"),
      "services: { a: { image: a, env_file: outside/hostname } }\n",
    );
    await expect(readManifest(files(), signal)).rejects.toMatchObject({
      message:
        "compose.yaml:1:38: outside/hostname lies behind the symbolic link outside, which is not followed; accepted: a file of the repository",
    });
    writeFileSync(join(directory, "compose.yaml"), "services: { a: { build: outside } }\n");
    await expect(readManifest(files(), signal)).rejects.toMatchObject({
      message:
        "compose.yaml:1:25: services.a.build: outside is a symbolic link, which is not followed; accepted: a directory of the repository",
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a gigantic file is not even read", async () => {
  await expect(read({ "galley.yml": `#${"x".repeat(300_000)}` })).rejects.toMatchObject({
    code: "manifest_invalid",
    message: "galley.yml: is larger than 256 KiB",
  });
});
