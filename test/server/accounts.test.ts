import { afterEach, describe, expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import { admin, type GroundServer, startGround } from "../support/ground-server.js";

const day = 24 * 60 * 60 * 1000;

onEachDatabase((databases) => {
  const open: GroundServer[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });
  const start = async (options?: Parameters<typeof startGround>[1]) => {
    const server = await startGround(await databases.fresh(), options);
    open.push(server);
    return server;
  };

  describe("the first set-up", () => {
    test("makes one administrator of many who try at once, and is closed from then on", async () => {
      const server = await start();
      expect((await server.call("GET", "/setup")).body).toEqual({ needed: true });
      const tries = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          server.call("POST", "/setup", { email: `user${n}@example.org`, password: admin.password }),
        ),
      );
      expect(tries.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
      for (const { status, body, session } of tries)
        if (status === 409) expect([body.code, session]).toEqual(["conflict", undefined]);
      expect((await server.call("GET", "/setup")).body).toEqual({ needed: false });
      const winner = tries.find(({ status }) => status === 201);
      const me = await server.call("GET", "/me", undefined, { session: winner?.session });
      expect(me.body).toMatchObject({
        user: winner?.body.user,
        kind: "session",
        scopes: ["read", "deploy", "admin"],
      });
    });

    test("wants an e-mail address and a password that is long enough, and repeats neither", async () => {
      const server = await start();
      for (const body of [
        { email: "ada", password: admin.password },
        { email: admin.email, password: "hunter2" },
        { email: admin.email },
        { ...admin, role: "root" },
        { email: { $ne: "" }, password: admin.password },
      ]) {
        const answer = await server.call("POST", "/setup", body);
        expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
        expect(JSON.stringify(answer.body)).not.toContain("hunter2");
      }
      expect((await server.call("GET", "/setup")).body).toEqual({ needed: true });
    });
  });

  describe("signing in", () => {
    test("gives a cookie that scripts and other sites do not get", async () => {
      const server = await start({ config: { publicUrl: new URL("https://galley.test") } });
      await server.setUp();
      const answer = await server.call("POST", "/session", { ...admin, email: " ADA@example.org " });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("set-cookie")).toMatch(
        /^galley_session=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Lax$/,
      );
    });

    test("answers the same for a wrong password and for somebody who is not there", async () => {
      const server = await start();
      await server.setUp();
      const wrong = await server.call("POST", "/session", { ...admin, password: "wrong horse battery" });
      const nobody = await server.call("POST", "/session", { ...admin, email: "eve@example.org" });
      expect(wrong.status).toBe(401);
      expect([nobody.status, nobody.body]).toEqual([wrong.status, wrong.body]);
      expect([wrong.session, nobody.session]).toEqual([undefined, undefined]);
    });

    test("is not for a request that another site's page has made", async () => {
      const server = await start();
      await server.setUp();
      const answer = await server.call("POST", "/session", admin, {
        headers: { origin: "https://evil.example" },
      });
      expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
      const ours = await server.call("POST", "/session", admin, {
        headers: { origin: "http://galley.test" },
      });
      expect(ours.status).toBe(200);
    });

    test("is limited for each account, and for each address", async () => {
      const server = await start({ limits: { attemptsPerAccount: 3, guessesPerMinute: 6 } });
      const guess = async (email: string) =>
        (await server.call("POST", "/session", { email, password: "guess" })).status;
      const statuses: number[] = [];
      for (let n = 0; n < 4; n++) statuses.push(await guess("ada@example.org"));
      expect(statuses).toEqual([401, 401, 401, 429]);
      expect(await guess("bob@example.org")).toBe(401);
      expect(await guess("bob@example.org")).toBe(401);
      const late = await server.call("POST", "/session", { email: "carol@example.org", password: "guess" });
      expect([late.status, late.body.code]).toEqual([429, "rate_limited"]);
      expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(0);
    });
  });

  describe("a session", () => {
    test("changes something only with the header that no other site can send, or from our own page", async () => {
      const server = await start();
      const session = await server.setUp();
      const cookie = `galley_session=${session}`;
      const make = async (name: string, headers: Record<string, string>) =>
        (
          await server.call(
            "POST",
            "/tokens",
            { name, scopes: ["read"] },
            { headers: { cookie, ...headers } },
          )
        ).status;
      expect(await make("a", {})).toBe(403);
      expect(await make("a", { origin: "https://evil.example" })).toBe(403);
      expect(await make("a", { "x-galley-csrf": "1" })).toBe(201);
      expect(await make("b", { origin: "http://galley.test" })).toBe(201);
    });

    test("ends when its user signs out, and only that one", async () => {
      const server = await start();
      const first = await server.setUp();
      const second = (await server.call("POST", "/session", admin)).session;
      const out = await server.call("DELETE", "/session", undefined, { session: first });
      expect([out.status, out.session]).toEqual([204, ""]);
      expect((await server.call("GET", "/me", undefined, { session: first })).status).toBe(401);
      expect((await server.call("GET", "/me", undefined, { session: second })).status).toBe(200);
    });

    test("ends with all others when its user signs out everywhere, or changes the password", async () => {
      const server = await start();
      const first = await server.setUp();
      const second = (await server.call("POST", "/session", admin)).session;
      await server.call("DELETE", "/session?everywhere=true", undefined, { session: second });
      for (const session of [first, second])
        expect((await server.call("GET", "/me", undefined, { session })).status).toBe(401);

      const third = (await server.call("POST", "/session", admin)).session;
      const other = (await server.call("POST", "/session", admin)).session;
      const password = "another horse battery";
      const wrong = await server.call(
        "PUT",
        "/me/password",
        { current: "wrong", password },
        { session: third },
      );
      expect(wrong.status).toBe(401);
      const changed = await server.call(
        "PUT",
        "/me/password",
        { current: admin.password, password },
        { session: third },
      );
      expect(changed.status).toBe(200);
      for (const session of [third, other])
        expect((await server.call("GET", "/me", undefined, { session })).status).toBe(401);
      expect((await server.call("GET", "/me", undefined, { session: changed.session })).status).toBe(200);
      expect((await server.call("POST", "/session", admin)).status).toBe(401);
      expect((await server.call("POST", "/session", { ...admin, password })).status).toBe(200);
    });

    test("ends after 30 days", async () => {
      let at = Date.now();
      const server = await start({ now: () => new Date(at) });
      const session = await server.setUp();
      at += 30 * day - 1000;
      expect((await server.call("GET", "/me", undefined, { session })).status).toBe(200);
      at += 2000;
      expect((await server.call("GET", "/me", undefined, { session })).status).toBe(401);
    });
  });

  describe("an API token", () => {
    test("does what its scopes allow, and needs no header against other sites", async () => {
      const server = await start();
      const session = await server.setUp();
      const make = async (scope: string) =>
        (await server.call("POST", "/tokens", { name: scope, scopes: [scope] }, { session })).body
          .token as string;
      const [reader, deployer, root] = [await make("read"), await make("deploy"), await make("admin")];
      expect(reader).toMatch(/^galley_pat_[0-9A-Za-z]{43}$/);
      const project = { name: "shop", url: "https://git.example/shop" };
      const statuses = async (token: string) => [
        (await server.call("GET", "/projects", undefined, { token })).status,
        (await server.call("POST", "/projects", project, { token })).status,
        (await server.call("GET", "/audit", undefined, { token })).status,
      ];
      expect(await statuses(reader)).toEqual([200, 403, 403]);
      expect(await statuses(deployer)).toEqual([200, 403, 403]);
      expect(await statuses(root)).toEqual([200, 201, 200]);
      expect((await server.call("GET", "/me", undefined, { token: reader })).body).toMatchObject({
        kind: "token",
        name: "read",
        scopes: ["read"],
      });
      expect((await server.call("DELETE", "/session", undefined, { token: root })).status).toBe(400);
    });

    test("is shown once, is listed without itself, and ends when it is revoked", async () => {
      const server = await start();
      const session = await server.setUp();
      const made = await server.call(
        "POST",
        "/tokens",
        { name: "ci", scopes: ["read", "read"] },
        { session },
      );
      const { token, id } = made.body;
      expect(made.body).toMatchObject({ scopes: ["read"], expiresAt: null, lastUsedAt: null });
      expect((await server.call("GET", "/me", undefined, { token })).status).toBe(200);
      const list = await server.call("GET", "/tokens", undefined, { session });
      expect(list.body.tokens).toMatchObject([{ id, name: "ci", lastUsedAt: expect.any(String) }]);
      expect(JSON.stringify(list.body)).not.toContain(token.slice(11));
      expect(
        (await server.call("POST", "/tokens", { name: "ci", scopes: ["read"] }, { session })).body.code,
      ).toBe("conflict");
      expect((await server.call("DELETE", `/tokens/${id}`, undefined, { session })).status).toBe(204);
      expect((await server.call("DELETE", `/tokens/${id}`, undefined, { session })).status).toBe(404);
      expect((await server.call("GET", "/me", undefined, { token })).status).toBe(401);
    });

    test("may end itself, and no other without the scope admin", async () => {
      const server = await start();
      const session = await server.setUp();
      const make = async (name: string) =>
        (await server.call("POST", "/tokens", { name, scopes: ["read"] }, { session })).body;
      const [own, other] = [await make("own"), await make("other")];
      const { token } = own;
      const refused = await server.call("DELETE", `/tokens/${other.id}`, undefined, { token });
      expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
      expect((await server.call("DELETE", `/tokens/${own.id}`, undefined, { token })).status).toBe(204);
      expect((await server.call("GET", "/me", undefined, { token })).status).toBe(401);
      expect((await server.call("GET", "/me", undefined, { token: other.token })).status).toBe(200);
    });

    test("ends when its days are over", async () => {
      let at = Date.now();
      const server = await start({ now: () => new Date(at) });
      const session = await server.setUp();
      const made = await server.call(
        "POST",
        "/tokens",
        { name: "ci", scopes: ["read"], expiresInDays: 1 },
        { session },
      );
      const { token } = made.body;
      expect((await server.call("GET", "/me", undefined, { token })).status).toBe(200);
      at += day + 1000;
      expect((await server.call("GET", "/me", undefined, { token })).status).toBe(401);
    });
  });

  test("the audit log tells who did what, to what, when and from where, newest first, and no secret", async () => {
    const server = await start();
    const session = await server.setUp();
    const { token } = (await server.call("POST", "/tokens", { name: "ci", scopes: ["admin"] }, { session }))
      .body;
    await server.call("POST", "/projects", { name: "shop", url: "https://git.example/shop" }, { token });
    await server.call("PUT", "/projects/shop/secrets/PASSWORD", { value: "hunter2" }, { token });
    await server.call("POST", "/projects", { name: "shop", url: "https://git.example/shop" }, { token });
    const { entries } = (await server.call("GET", "/audit", undefined, { session })).body;
    expect(entries.map(({ action, target }: { action: string; target: string }) => [action, target])).toEqual(
      [
        ["secret.set", "shop/PASSWORD"],
        ["project.create", "shop"],
        ["token.create", "ci"],
        ["server.setup", admin.email],
      ],
    );
    expect(entries[0]).toMatchObject({
      actor: { kind: "token", name: `ci of ${admin.email}` },
      address: "127.0.0.1",
      requestId: expect.any(String),
      at: expect.stringMatching(/Z$/),
    });
    expect(entries[2].actor).toMatchObject({ kind: "user", name: admin.email });
    expect(JSON.stringify(entries)).not.toMatch(/hunter2|galley_pat_/);
    const page = await server.call("GET", `/audit?limit=1&before=${entries[0].id}`, undefined, { session });
    expect(page.body.entries).toEqual([entries[1]]);
  });
});
