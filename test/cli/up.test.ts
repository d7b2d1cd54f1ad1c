import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { docker, onEachEngine } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { commitFolder } from "../support/git-server.js";

// The sample's shape without its database and npm: what is tested is the way from a repository to an answering URL.
const files = {
  "galley.yml": `version: 1
services:
  front:
    kind: web
    build: { path: front }
    expose: 8080
    depends_on: [back]
    health: { path: /index.html }
  back:
    build: { path: ., dockerfile: back.Dockerfile, args: { WORD: "ahoy" } }
    expose: 9000
    health: { path: /word, timeout: 30 }
  idle:
    image: busybox:latest
    command: [sh, -c, "trap 'exit 0' TERM; sleep 3600 & wait"]
`,
  "front/Dockerfile":
    'FROM busybox\nSTOPSIGNAL SIGKILL\nCOPY index.html /www/\nCMD ["sh", "-c", "wget -qO /www/word http://back:9000/word && exec httpd -f -p 8080 -h /www"]\n',
  "front/index.html": "<h1>up</h1>\n",
  "back.Dockerfile":
    'FROM busybox\nSTOPSIGNAL SIGKILL\nARG WORD\nRUN mkdir /www && echo "$WORD" > /www/word\nCMD ["httpd", "-f", "-p", "9000", "-h", "/www"]\n',
};

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "galley-up-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

onEachEngine((engine) => {
  const repository = () => join(root, `${engine.name}.git`);
  const ours = () =>
    docker(engine, [
      "ps",
      "-aq",
      "--filter",
      "label=sh.galley.agent=local",
      "--filter",
      `name=galley-pv-up-${engine.name}-`,
    ]);
  const commit = (changes: Record<string, string> = {}) => {
    const folder = mkdtempSync(join(root, "files-"));
    for (const [path, text] of Object.entries({ ...files, ...changes })) {
      const target = join(folder, path);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
    rmSync(repository(), { recursive: true, force: true });
    return commitFolder(folder, repository());
  };
  afterAll(async () => {
    await galley(engine, ["down", repository()]);
  });

  test("a repository becomes a URL that answers, is found again, and goes away without a trace", async () => {
    commit();
    const first = await galley(engine, ["up", `${repository()}#main`, "--detach"]);
    expect(first.code, first.stderr).toBe(0);
    const url = first.stdout.trim();
    expect(await (await fetch(`${url}/word`)).text()).toBe("ahoy\n");
    const before = await ours();
    expect(before.trim().split("\n")).toHaveLength(3);

    const second = await galley(engine, ["up", `${repository()}#main`, "--detach"]);
    expect(second.stdout.trim()).toBe(url);
    expect(await ours()).toBe(before);

    const down = await galley(engine, ["down", repository()]);
    expect(down.code, down.stderr).toBe(0);
    expect(await ours()).toBe("");
    expect(
      await docker(engine, ["network", "ls", "-q", "--filter", `name=galley-pv-up-${engine.name}-`]),
    ).toBe("");
  });

  test("a service that does not start is named, with its last output and its exit code", async () => {
    commit({ "back.Dockerfile": 'FROM busybox\nCMD ["sh", "-c", "echo no database here; exit 7"]\n' });
    const { code, stderr } = await galley(engine, ["up", `${repository()}#main`, "--detach"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/service back ended with exit code 7\n\s+no database here/);
  });

  test("a failed build of one service stops the others and starts nothing", async () => {
    await galley(engine, ["down", repository()]);
    commit({ "front/Dockerfile": "FROM busybox\nRUN exit 9\n" });
    const { code, stderr } = await galley(engine, ["up", `${repository()}#main`, "--detach"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/Dockerfile:2/);
    expect(await ours()).toBe("");
  });

  test("Ctrl-C stops what runs and removes it", async () => {
    commit();
    const interrupt = new AbortController();
    const { code, stdout, stderr } = await galley(engine, ["up", `${repository()}#main`], {
      signal: interrupt.signal,
      onStderr: (chunk) => {
        if (chunk.includes("Ctrl-C")) interrupt.abort();
      },
    });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^http:/);
    expect(await ours()).toBe("");
  });
});
