import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { currentLogin, loginsFile, readLogins, serverUrl, writeLogins } from "./logins.js";

let home = "";
let env: NodeJS.ProcessEnv = {};
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "galley-logins-"));
  env = { HOME: home };
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const login = { token: "galley_pat_aaaaaaaaaa", tokenId: "tok1", email: "ada@example.org" };
const url = "https://galley.example.org";

test.each([
  ["https://galley.example.org/", url],
  ["galley.example.org", url],
  ["HTTPS://Galley.Example.org:443", url],
  ["galley.example.org:8443", "https://galley.example.org:8443"],
  ["localhost:8080", "http://localhost:8080"],
  ["127.0.0.1:8080/", "http://127.0.0.1:8080"],
  ["http://10.0.0.1", "http://10.0.0.1"],
])("%s is the server %s", (text, origin) => expect(serverUrl(text)).toBe(origin));

test.each([
  "ftp://example.org",
  "https://ada:hunter2@example.org",
  "https://example.org/galley",
  "https://example.org/?x=1",
  "https://",
  "a b",
  "file:///etc",
])("%s is no address of a server, and what is secret in it is not repeated", (text) => {
  expect(() => serverUrl(text)).toThrow(expect.objectContaining({ code: "usage" }));
  expect(() => serverUrl(text)).not.toThrow(/hunter2/);
});

test("the file is where XDG says, for nobody else to read, and keeps what it is given", async () => {
  expect(loginsFile({ HOME: home, XDG_CONFIG_HOME: "relative" })).toBe(
    join(home, ".config/galley/config.json"),
  );
  expect(loginsFile({ HOME: home, XDG_CONFIG_HOME: "/x" })).toBe("/x/galley/config.json");
  expect(await readLogins(env)).toEqual({ current: null, servers: {} });
  const before = process.umask(0);
  try {
    await writeLogins(env, { current: url, servers: { [url]: login } });
  } finally {
    process.umask(before);
  }
  const path = loginsFile(env);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
  expect(await readLogins(env)).toEqual({ current: url, servers: { [url]: login } });
  await writeLogins(env, { current: null, servers: {} });
  expect(readFileSync(path, "utf8")).not.toContain("galley_pat");
});

test("a file that is not ours is refused, without a word of what is in it", async () => {
  await writeLogins(env, { current: url, servers: {} });
  for (const text of ["{", "[]", '{"servers":{"x":{"token":"hunter2"}}}']) {
    writeFileSync(loginsFile(env), text);
    await expect(readLogins(env)).rejects.toMatchObject({ code: "config_invalid" });
    await expect(readLogins(env)).rejects.not.toThrow(/hunter2/);
  }
});

test("the environment goes before what was kept", async () => {
  await expect(currentLogin(env)).rejects.toMatchObject({ code: "unauthorized" });
  await writeLogins(env, { current: url, servers: { [url]: login } });
  expect(await currentLogin(env)).toEqual({ url, token: login.token });
  expect(await currentLogin({ ...env, GALLEY_TOKEN: "other" })).toEqual({ url, token: "other" });
  expect(await currentLogin({ ...env, GALLEY_URL: "galley.example.org" })).toEqual({
    url,
    token: login.token,
  });
  await expect(currentLogin({ ...env, GALLEY_URL: "other.example.org" })).rejects.toMatchObject({
    code: "unauthorized",
    hint: expect.stringContaining("https://other.example.org"),
  });
  expect(await currentLogin({ ...env, GALLEY_URL: "o.example.org", GALLEY_TOKEN: "t" })).toEqual({
    url: "https://o.example.org",
    token: "t",
  });
});
