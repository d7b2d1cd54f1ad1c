import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBusKeys } from "../../src/bus/index.js";
import { GalleyError } from "../../src/errors/index.js";
import { publicAccess } from "../../src/server/http/index.js";
import { initServer, parseConfig } from "../../src/server/index.js";
import type { Part } from "../../src/server/part.js";
import { awaitedLater } from "../support/awaited-later.js";
import { onEachDatabase } from "../support/databases.js";
import { admin, newMasterKey, startGround } from "../support/ground-server.js";
import { type PostgresServer, startPostgres } from "../support/postgres.js";

onEachDatabase((databases) => {
  test("what was made is there after a restart, and sessions go on", async () => {
    const location = await databases.fresh();
    const masterKey = newMasterKey();
    const first = await startGround(location, { masterKey });
    const session = await first.setUp();
    await first.call("POST", "/projects", { name: "shop", url: "https://git.example/shop" }, { session });
    await first.close();
    await first.closed;
    const second = await startGround(location, { masterKey });
    const { body } = await second.call("GET", "/projects", undefined, { session });
    expect(body.projects).toMatchObject([{ name: "shop" }]);
    await second.close();
  });

  test("closing lets a request that runs come to its end, refuses new ones, and stops the parts before the database", async () => {
    const order: string[] = [];
    let entered: () => void = () => {};
    let leave: () => void = () => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const server = await startGround(await databases.fresh(), {
      parts: [
        async ({ store }): Promise<Part> => ({
          api: (app) => {
            app.get("/slow", publicAccess, async () => {
              entered();
              await new Promise<void>((resolve) => {
                leave = resolve;
                app.closing.addEventListener("abort", () => order.push("closing"));
              });
              order.push("answered");
              return { late: true };
            });
          },
          async stop() {
            await store.ping();
            order.push("part stopped");
          },
        }),
      ],
    });
    const slow = awaitedLater(server.call("GET", "/slow"));
    await inside;
    const closed = awaitedLater(server.close());
    await expect.poll(() => order).toEqual(["closing"]);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    leave();
    const answer = await slow;
    expect(answer.body).toEqual({ late: true });
    // Else its connection would be held for the next request, and the end with it.
    expect(answer.headers.get("connection")).toBe("close");
    await closed;
    expect(order).toEqual(["closing", "answered", "part stopped"]);
  });

  test("the signal that started it ends it", async () => {
    const stop = new AbortController();
    const server = await startGround(await databases.fresh(), { signal: stop.signal });
    stop.abort();
    await server.closed;
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });

  test("a start that fails gives everything back that it had taken", async () => {
    const location = await databases.fresh();
    const stopped: string[] = [];
    const part = (name: string) => async () => ({ stop: async () => void stopped.push(name) });
    const failing = async () => {
      throw new GalleyError("bus_unreachable", "No bus.");
    };
    await expect(startGround(location, { parts: [part("a"), part("b"), failing] })).rejects.toMatchObject({
      code: "bus_unreachable",
    });
    expect(stopped).toEqual(["b", "a"]);
    const aborted = AbortSignal.abort(new GalleyError("interrupted", "Ctrl-C"));
    await expect(startGround(location, { signal: aborted })).rejects.toThrow();
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    const masterKey = newMasterKey();
    await expect(startGround(await databases.fresh(), { masterKey, config: { port } })).rejects.toMatchObject(
      {
        code: "port_in_use",
        message: expect.stringContaining(String(port)),
      },
    );
    blocker.close();
  });
});

describe("the embedded database", () => {
  const root = mkdtempSync(join(tmpdir(), "galley-embedded-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  test("is open in one server at a time", async () => {
    const location = { dataDir: join(root, "one", "db") };
    const masterKey = newMasterKey();
    const server = await startGround(location, { masterKey });
    await expect(startGround(location, { masterKey })).rejects.toMatchObject({ code: "database_busy" });
    await server.setUp();
    await server.close();
    const next = await startGround(location, { masterKey });
    expect((await next.call("GET", "/setup")).body).toEqual({ needed: false });
    await next.close();
  });

  test("keeps what was answered when its server is killed", async () => {
    const dataDir = join(root, "killed", "db");
    const masterKey = newMasterKey();
    // A process of its own, as vitest cannot be killed: it commits, says so, and is ended without warning.
    const program = `
      import { PGlite } from "@electric-sql/pglite";
      const db = await PGlite.create(${JSON.stringify(dataDir)});
      await db.exec("begin; create table kept (a int); insert into kept select generate_series(1, 1000); commit");
      process.stdout.write("committed");
      setInterval(() => {}, 1000);`;
    await (await startGround({ dataDir }, { masterKey })).close();
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    const server = await startGround(
      { dataDir },
      {
        masterKey,
        parts: [
          async ({ store }) => {
            const { rows } = await store.db.execute<{ n: number }>("select count(*)::int as n from kept");
            expect(rows).toEqual([{ n: 1000 }]);
            return { async stop() {} };
          },
        ],
      },
    );
    await server.close();
  });
});

describe("with Postgres", () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.remove());

  test("while the database is away, requests fail with a code, the server stays healthy, and is ready again after", async () => {
    const server = await startGround({ url: await postgres.database() });
    const session = await server.setUp();
    const status = async (path: string) => (await fetch(server.url + path)).status;
    expect(await status("/readyz")).toBe(200);
    await postgres.kill();
    for (const answer of [
      await server.call("GET", "/projects", undefined, { session }),
      await server.call("POST", "/session", admin),
      await server.call("GET", "/setup"),
    ])
      expect([answer.status, answer.body.code]).toEqual([503, "database_unreachable"]);
    expect(await status("/readyz")).toBe(503);
    expect(await status("/healthz")).toBe(200);
    await postgres.start();
    await expect.poll(() => status("/readyz")).toBe(200);
    expect((await server.call("GET", "/projects", undefined, { session })).status).toBe(200);
    await server.close();
  });

  test("two servers share one database: a session of one is a session of the other", async () => {
    const url = await postgres.database();
    const masterKey = newMasterKey();
    const [one, two] = await Promise.all([
      startGround({ url }, { masterKey }),
      startGround({ url }, { masterKey }),
    ]);
    const session = await one.setUp();
    expect((await two.call("GET", "/me", undefined, { session })).status).toBe(200);
    expect((await two.call("POST", "/setup", admin)).status).toBe(409);
    await one.close();
    expect((await two.call("GET", "/me", undefined, { session })).status).toBe(200);
    await two.close();
  });

  test("of two servers that boot at once with different master keys, one starts", async () => {
    const url = await postgres.database();
    const starts = await Promise.allSettled([startGround({ url }), startGround({ url })]);
    expect(starts.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    for (const start of starts)
      if (start.status === "fulfilled") await start.value.close();
      else expect(start.reason).toMatchObject({ code: "master_key_invalid" });
  });

  test("bodies that break off, are too large or nested without end take nothing down", async () => {
    const server = await startGround({ url: await postgres.database() });
    const { port } = new URL(server.url);
    const broken = request({
      port,
      host: "127.0.0.1",
      method: "POST",
      path: "/api/v1/session",
      headers: { "content-type": "application/json", "content-length": "1000" },
    });
    broken.on("error", () => {}); // the end that the test wants
    broken.write('{"email":"ada@exam');
    await once(broken, "socket").then(([socket]) => socket.connecting && once(socket, "connect"));
    broken.destroy();
    const huge = await server.call(
      "POST",
      "/session",
      JSON.stringify({ ...admin, more: "x".repeat(2_000_000) }),
    );
    expect([huge.status, huge.body.code]).toEqual([413, "invalid_request"]);
    const deep = await server.call("POST", "/session", `${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect([deep.status, deep.body.code]).toEqual([400, "invalid_request"]);
    expect((await server.call("GET", "/setup")).status).toBe(200);
    await server.close();
  });
});

test("`server init` makes what a server needs to start, for its owner alone, and never replaces the bus's keys", async () => {
  const directory = mkdtempSync(join(tmpdir(), "galley-init-"));
  try {
    const first = await initServer(directory);
    expect(first.newBusKeys).toBe(true);
    expect(parseConfig(first.env)).toMatchObject({
      dataDir: directory,
      bus: { dir: join(directory, "bus") },
    });
    const keys = (await loadBusKeys(join(directory, "bus"))).account.getPublicKey();
    expect(statSync(join(directory, "bus")).mode & 0o077).toBe(0);
    expect(statSync(join(directory, "bus", "bus-keys.json")).mode & 0o077).toBe(0);

    const second = await initServer(directory);
    expect(second.newBusKeys).toBe(false);
    expect((await loadBusKeys(join(directory, "bus"))).account.getPublicKey()).toBe(keys);
    expect(second.env.GALLEY_MASTER_KEY).not.toBe(first.env.GALLEY_MASTER_KEY);
    for (const { env } of [first, second])
      expect(readFileSync(join(directory, "bus", "bus-keys.json"), "utf8")).not.toContain(
        env.GALLEY_MASTER_KEY,
      );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
