import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { admin, type GroundServer, startGround } from "../support/ground-server.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
let server: GroundServer;
let person: Person;
let session = "";
beforeAll(async () => {
  server = await startGround(await databases.fresh());
});
afterAll(async () => {
  await server?.close();
  databases.remove();
});
beforeEach(() => {
  person = createPerson();
});
afterEach(() => person.remove());

const signIn = (...more: string[]) => [
  ...["login", server.url, "--email", admin.email, "--password-stdin", ...more],
];
const file = () => join(person.home, ".config/galley/config.json");
const kept = () => JSON.parse(readFileSync(file(), "utf8"));
const tokens = async () => (await server.call("GET", "/tokens", undefined, { session })).body.tokens;

describe("a server that nobody has set up", () => {
  test("is not set up unless somebody says so", async () => {
    const { code, stderr } = await person.run(signIn(), { input: admin.password });
    expect(code, stderr).toBe(2);
    expect((await server.call("GET", "/setup")).body).toEqual({ needed: true });
  });

  test("says what it does not accept of the first user", async () => {
    const { code, stderr } = await person.run(signIn("--setup"), { input: "short" });
    expect(code, stderr).toBe(2);
    expect(stderr).toContain("at least 10 characters");
    expect(stderr).not.toContain("short\n");
  });

  test("gets its first administrator by login --setup", async () => {
    const out = await person.good(signIn("--setup"), { input: `${admin.password}\n` });
    expect(out).toContain(`Signed in to ${server.url} as ${admin.email} (admin`);
    const answer = await server.call("POST", "/session", admin);
    session = answer.session ?? "";
    expect(session).not.toBe("");
  });
});

test("what is kept is a token and not the password, and for nobody else to read", async () => {
  await person.good(signIn(), { input: admin.password });
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file(), "utf8")).not.toContain(admin.password);
  expect(kept()).toMatchObject({ current: server.url });
  const me = await person.json(["whoami"]);
  expect(me).toMatchObject({ url: server.url, kind: "token", user: { email: admin.email } });
  expect(await person.good(["whoami"])).toMatch(new RegExp(`user +${admin.email}`));
  // Its session was for the sign-in alone.
  expect(server.log()).toContain('"method":"DELETE","path":"/api/v1/session","status":204');
});

test("signing in again takes the place of the token, and signing out revokes it", async () => {
  const before = (await tokens()).length;
  await person.good(signIn(), { input: admin.password });
  const first = kept().servers[server.url].token;
  await person.good(signIn(), { input: admin.password });
  expect((await tokens()).length).toBe(before + 1);
  expect((await server.call("GET", "/me", undefined, { token: first })).status).toBe(401);
  const { token } = kept().servers[server.url];
  await person.good(["logout"]);
  expect(kept()).toEqual({ current: null, servers: {} });
  expect((await server.call("GET", "/me", undefined, { token })).status).toBe(401);
  const { code, stderr } = await person.run(["whoami"]);
  expect(code).toBe(1);
  expect(stderr).toContain("galley login URL");
});

test("a token has the scopes and the days that were asked for", async () => {
  const answer = await person.run(signIn("--scope", "read", "--expires", "3", "--json"), {
    input: admin.password,
  });
  const made = JSON.parse(answer.stdout);
  expect(made).toMatchObject({ url: server.url, email: admin.email, scopes: ["read"] });
  const days = (Date.parse(made.expiresAt) - Date.now()) / 86_400_000;
  expect(days).toBeGreaterThan(2.9);
  expect(days).toBeLessThan(3.1);
  const { code, stderr } = await person.run(["project", "add", "shop", "https://git.example/shop.git"]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/lacks the scope admin[\s\S]*What to do:/);
  const out = await person.run(["logout"]);
  expect(out.code).toBe(0);
  expect(out.stderr, "a token of any scope may revoke itself").toBe("");
  expect(kept().servers).toEqual({});
});

test("a wrong password keeps nothing, in words and as JSON", async () => {
  const { code, stdout, stderr } = await person.run(signIn(), { input: "not the password" });
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain("error: The e-mail address or the password is wrong.");
  expect(stderr).not.toContain("not the password");
  expect(existsSync(file())).toBe(false);
  const json = await person.run(signIn("--json"), { input: "not the password" });
  expect(JSON.parse(json.stderr)).toMatchObject({ code: "unauthorized" });
});

test("a token from elsewhere can be kept, or given by the environment", async () => {
  const { body } = await server.call("POST", "/tokens", { name: "brought", scopes: ["read"] }, { session });
  await person.good(["login", server.url, "--token-stdin"], { input: `${body.token}\n` });
  expect((await person.json(["whoami"])).name).toBe("brought");
  await person.good(["logout"]);
  expect((await server.call("GET", "/me", undefined, { token: body.token })).status).toBe(200);
  const env = { GALLEY_URL: server.url, GALLEY_TOKEN: body.token };
  expect((await person.run(["whoami"], { env })).stdout).toContain("brought");
  const wrong = await person.run(["whoami"], { env: { ...env, GALLEY_TOKEN: "galley_pat_wrong" } });
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).not.toContain("galley_pat_wrong");
  const none = await person.run(["login", server.url, "--token-stdin"], { input: "" });
  expect(none.code).toBe(2);
});

test.each([
  [["login", "https://ada:hunter2@galley.test"], "user or password"],
  [["login", "ftp://galley.test"], "not how a server is reached"],
  [["login"], "Which server?"],
  [["login", "galley.test", "--scope", "root"], "no such scope"],
  [["login", "galley.test", "--expires", "0"], "not a number of days"],
  [["login", "galley.test", "--token-stdin", "--email", "a@b.c"], "neither"],
  [["whoami", "--nonsense"], "unknown option"],
])("galley %j is a usage error", async (args, sentence) => {
  const { code, stdout, stderr } = await person.run(args);
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(sentence);
  expect(stderr).not.toContain("hunter2");
});

test("a server that is not there, and one that is not Galley's, are said to be so", async () => {
  const other = createServer((_request, response) => response.end("<html>hello</html>"));
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  const strange = await person.run(["login", url, "--email", "a@b.c", "--password-stdin"], { input: "x" });
  await new Promise((resolve) => other.close(resolve));
  expect(strange.code).toBe(1);
  expect(strange.stderr).toContain("address of a Galley server");
  const gone = await person.run(["login", url, "--email", "a@b.c", "--password-stdin"], { input: "x" });
  expect(gone.code).toBe(1);
  expect(gone.stderr).toMatch(/cannot be reached: nothing listens there[\s\S]*What to do:/);
});

test("on a terminal it asks, and what is typed as a password is not seen", async () => {
  const terminal = person.onTerminal(["login", server.url]);
  await terminal.saw("E-mail: ");
  terminal.type(`${admin.email}\r`);
  await terminal.saw("Password: ");
  terminal.type(`${admin.password}\r`);
  const { code, stdout } = await terminal.done;
  expect(code, stdout).toBe(0);
  expect(stdout).toContain(`Signed in to ${server.url} as ${admin.email}`);
  expect(stdout).not.toContain(admin.password);
});

test("on a terminal, a server that nobody has set up offers to be", async () => {
  const fresh = await startGround(await databases.fresh());
  try {
    const no = person.onTerminal(["login", fresh.url]);
    await no.saw("Make its first administrator? [y/N] ");
    no.type("\r");
    expect((await no.done).code).toBe(2);
    expect((await fresh.call("GET", "/setup")).body).toEqual({ needed: true });

    const yes = person.onTerminal(["login", fresh.url]);
    for (const [question, answer] of [
      ["[y/N] ", "y"],
      ["E-mail: ", "grace@example.org"],
      ["Password (at least 10 characters): ", admin.password],
      ["Password again: ", admin.password],
    ] as const) {
      await yes.saw(question);
      yes.type(`${answer}\r`);
    }
    const { code, stdout } = await yes.done;
    expect(code, stdout).toBe(0);
    expect(stdout).not.toContain(admin.password);
    expect((await person.json(["whoami"])).user.email).toBe("grace@example.org");
  } finally {
    await fresh.close();
  }
});

test("Ctrl-C at a question ends the command, and the terminal is as before", async () => {
  const terminal = person.onTerminal(["login", server.url, "--email", admin.email]);
  await terminal.saw("Password: ");
  terminal.type("half a passw\u0003");
  const { code, stdout } = await terminal.done;
  expect(code, stdout).toBe(130);
  expect(stdout).not.toContain("half a");
  expect(existsSync(file())).toBe(false);
});
