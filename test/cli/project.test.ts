import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GroundServer, startGround } from "../support/ground-server.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
let server: GroundServer;
let session = "";
let person: Person;
beforeAll(async () => {
  server = await startGround(await databases.fresh());
  session = await server.setUp();
  const { body } = await server.call("POST", "/tokens", { name: "cli", scopes: ["admin"] }, { session });
  person = createPerson({ GALLEY_URL: server.url, GALLEY_TOKEN: body.token });
});
afterAll(async () => {
  person?.remove();
  await server?.close();
  databases.remove();
});

const url = "https://git.example/acme/shop.git";

test("a project is added, listed, shown and removed", async () => {
  expect(await person.good(["project", "ls"])).toContain("No projects");
  const out = await person.good([
    ...["project", "add", "shop", url, "--env", "A=1", "--env", "B=x=y", "--cpus", "1.5", "--memory", "512m"],
  ]);
  expect(out).toBe(`Connected shop to ${url}.\n`);
  expect(await person.json(["project", "show", "shop"])).toMatchObject({
    ...{ name: "shop", url, env: { A: "1", B: "x=y" }, credential: null },
    resources: { cpus: 1.5, memory: "512m" },
  });
  const list = await person.good(["project", "ls"]);
  expect(list).toMatch(
    /^NAME +REPOSITORY +CREDENTIAL +CREATED\nshop +https:.*shop\.git +- +(\d+s ago|just now)\n$/,
  );
  expect(await person.json(["project", "ls"])).toMatchObject([{ name: "shop" }]);
  const again = await person.run(["project", "add", "shop", url]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('There is a project "shop" already');
  const silent = await person.run(["project", "rm", "shop"]);
  expect(silent.code).toBe(2);
  expect(silent.stderr).toContain("--yes");
  expect(await person.good(["project", "rm", "shop", "--yes"])).toBe("Removed shop.\n");
  expect((await person.run(["project", "show", "shop"])).code).toBe(1);
});

test("credentials are read from stdin and files, and never shown", async () => {
  await person.good(["project", "add", "web", url, "--token-stdin"], { input: "ghp_very_secret\n" });
  const shown = await person.run(["project", "show", "web"]);
  expect(shown.stdout).toMatch(/credential +token, set /);
  expect((await person.run(["project", "show", "web", "--json"])).stdout).not.toContain("very_secret");
  const key = join(person.home, "key");
  writeFileSync(
    key,
    "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n",
  );
  const refused = await person.run(["project", "add", "api", "git@git.example:api.git", "--ssh-key", key]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("passphrase");
  // Half a project is none.
  expect((await person.run(["project", "show", "api"])).stderr).toContain("There is no project");
});

test("secrets come from stdin or a file and are never shown; variables are", async () => {
  await person.good(["project", "add", "vals", url]);
  await person.good(["project", "secret", "set", "vals", "API_KEY"], { input: "hunter2hunter2\n" });
  writeFileSync(join(person.home, "pem"), "line one\nline two\n");
  await person.good(["project", "secret", "set", "vals", "PEM", "--file", join(person.home, "pem")]);
  const list = await person.good(["project", "secret", "ls", "vals"]);
  expect(list).toMatch(/^NAME +SET\nAPI_KEY +.*\nPEM +.*\n$/);
  expect(await person.good(["project", "show", "vals", "--json"])).not.toMatch(/hunter2|line one/);
  await person.good(["project", "secret", "rm", "vals", "API_KEY", "PEM"]);
  expect(await person.good(["project", "secret", "ls", "vals"])).toBe("No secrets.\n");

  await person.good(["project", "env", "set", "vals", "LOG_LEVEL=debug", "EMPTY="]);
  await person.good(["project", "env", "set", "vals", "LOG_LEVEL=info"]);
  expect(await person.json(["project", "env", "ls", "vals"])).toEqual({ EMPTY: "", LOG_LEVEL: "info" });
  await person.good(["project", "env", "rm", "vals", "EMPTY"]);
  expect(await person.good(["project", "env", "ls", "vals"])).toMatch(/^NAME +VALUE\nLOG_LEVEL +info\n$/);
  const unknown = await person.run(["project", "env", "rm", "vals", "toString"]);
  expect(unknown.code).toBe(1);
});

test("a value that would act on the terminal is shown without what does", async () => {
  await person.good(["project", "add", "nasty", url]);
  await server.call("PUT", "/projects/nasty/env", { env: { X: "a\u001b[2Jb\u009b31mc\u0007" } }, { session });
  for (const args of [
    ["project", "show", "nasty"],
    ["project", "env", "ls", "nasty"],
    ["project", "env", "ls", "nasty", "--json"],
  ])
    expect(await person.good(args)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(await person.json(["project", "env", "ls", "nasty"])).toEqual({ X: "a\u001b[2Jb\u009b31mc\u0007" });
});

test.each([
  [["project", "add", "Shop", url], "must be 1 to 40 of a-z"],
  [["project", "add", "x", "ext::sh -c id"], ""],
  [["project", "add", "x", url, "--env", "NOVALUE"], "the value is missing"],
  [["project", "add", "x", url, "--cpus", "many"], "not a number of processors"],
  [["project", "add", "x", url, "--token-stdin", "--ssh-key", "k"], "two ways"],
  [["project", "add", "x", url, "--ssh-key", "/nonexistent/key"], "no such file"],
  [["project", "add", "x", url, "--known-hosts", "k"], "goes with --ssh-key"],
  [["project", "secret", "set", "web", "KEY=hunter2"], "not given as an argument"],
  [["project", "nonsense"], "unknown command"],
  [["project", "add", "x"], "missing required argument"],
])("galley %j is refused before anything is made", async (args, sentence) => {
  const { code, stderr } = await person.run(args);
  expect(code, stderr).toBeGreaterThan(0);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/hunter2|unexpected error|\n\s+at /);
  expect((await person.json(["project", "ls"])).map(({ name }: { name: string }) => name)).not.toContain("x");
});
