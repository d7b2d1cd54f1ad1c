import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repoKeyOf } from "../../src/bus/index.js";
import { GalleyError } from "../../src/errors/index.js";
import type { Projects } from "../../src/server/projects/index.js";
import { onEachDatabase } from "../support/databases.js";
import { type GroundServer, startGround } from "../support/ground-server.js";

onEachDatabase((databases) => {
  let server: GroundServer;
  let session: string;
  let projects: Projects;
  let refuseDelete = false;
  beforeAll(async () => {
    server = await startGround(await databases.fresh(), {
      parts: [
        async (deps) => {
          projects = deps.projects;
          return {
            async beforeProjectDelete() {
              if (refuseDelete) throw new GalleyError("conflict", "An environment of it runs.");
            },
            async stop() {},
          };
        },
      ],
    });
    session = await server.setUp();
  });
  afterAll(() => server.close());
  const call = (method: string, path: string, body?: unknown) => server.call(method, path, body, { session });
  const add = async (name: string, more: object = {}) => {
    const answer = await call("POST", "/projects", {
      name,
      url: `https://git.example/acme/${name}`,
      ...more,
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  };

  describe("a project", () => {
    test("is added with what it needs, shown, listed by name, and removed", async () => {
      const zebra = await add("zebra", { env: { A: "1" }, resources: { cpus: 1.5 } });
      expect(zebra).toMatchObject({
        id: expect.stringMatching(/^prj[0-9a-z]{16}$/),
        name: "zebra",
        url: "https://git.example/acme/zebra",
        repoKey: repoKeyOf("https://git.example/acme/zebra"),
        env: { A: "1" },
        resources: { cpus: 1.5, memory: null },
        credential: null,
        secrets: [],
        registries: [],
      });
      await add("apple");
      expect((await call("GET", "/projects/zebra")).body).toEqual(zebra);
      const listed = (await call("GET", "/projects")).body.projects;
      expect(listed.map(({ name }: { name: string }) => name)).toEqual(["apple", "zebra"]);
      expect(listed[1]).toEqual(zebra);
      expect((await call("DELETE", "/projects/apple")).status).toBe(204);
      expect((await call("GET", "/projects/apple")).body.code).toBe("not_found");
      expect((await call("DELETE", "/projects/apple")).status).toBe(404);
    });

    test("has a name of its own, even when two are added at once", async () => {
      const tries = await Promise.all(
        Array.from({ length: 6 }, () =>
          call("POST", "/projects", { name: "twin", url: "https://git.example/twin" }),
        ),
      );
      expect(tries.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
      expect(tries.find(({ status }) => status === 409)?.body).toMatchObject({
        code: "conflict",
        message: expect.stringContaining("twin"),
      });
    });

    test.each([
      [{ name: "Shop", url: "https://git.example/a" }, "invalid_request"],
      [{ name: "shop" }, "invalid_request"],
      [{ name: "shop", url: 7 }, "invalid_request"],
      [{ name: "shop", url: "https://git.example/a", owner: "me" }, "invalid_request"],
      [{ name: "shop", url: "https://git.example/a", env: { "A B": "1" } }, "invalid_request"],
      [{ name: "shop", url: "https://git.example/a", resources: { memory: "lots" } }, "invalid_request"],
      [{ name: "shop", url: "https://ada:hunter2@git.example/a" }, "git_repository_invalid"],
      [{ name: "shop", url: "ext::sh -c id" }, "git_repository_invalid"],
      [{ name: "shop", url: "/srv/repo.git" }, "git_repository_invalid"],
    ])("is refused as %j", async (body, code) => {
      const answer = await call("POST", "/projects", body);
      expect([answer.status, answer.body.code]).toEqual([400, code]);
      expect(JSON.stringify(answer.body)).not.toContain("hunter2");
      expect((await call("GET", "/projects/shop")).status).toBe(404);
    });

    test("may lie on the machine itself where that is allowed", async () => {
      const local = await startGround(await databases.fresh(), { config: { allowLocalRepositories: true } });
      const answer = await local.call(
        "POST",
        "/projects",
        { name: "sample", url: "/srv/sample.git" },
        { session: await local.setUp() },
      );
      expect([answer.status, answer.body.url]).toEqual([201, "/srv/sample.git"]);
      await local.close();
    });

    test("keeps its credential when its repository moves on the same host, and loses it when the host is another", async () => {
      await add("mover");
      await call("PUT", "/projects/mover/credential", { kind: "token", token: "hunter2" });
      const same = await call("PATCH", "/projects/mover", {
        url: "https://git.example/acme/moved",
        resources: { memory: "1g" },
      });
      expect(same.body).toMatchObject({
        url: "https://git.example/acme/moved",
        repoKey: repoKeyOf("https://git.example/acme/moved"),
        resources: { cpus: null, memory: "1g" },
        credential: { kind: "token" },
      });
      const other = await call("PATCH", "/projects/mover", { url: "https://evil.example/acme/moved" });
      expect(other.body).toMatchObject({ credential: null, resources: { memory: "1g" } });
      expect((await projects.forJob(other.body.id)).project.credential).toBeNull();
    });

    test("is not removed while something of it is in use", async () => {
      await add("busy");
      await call("PUT", "/projects/busy/secrets/A", { value: "1" });
      refuseDelete = true;
      expect((await call("DELETE", "/projects/busy")).body.code).toBe("conflict");
      refuseDelete = false;
      expect((await call("GET", "/projects/busy")).body.secrets).toHaveLength(1);
      expect((await call("DELETE", "/projects/busy")).status).toBe(204);
    });

    test("has its variables replaced as a whole", async () => {
      await add("vars", { env: { A: "1", B: "2" } });
      const answer = await call("PUT", "/projects/vars/env", { env: { B: "3" } });
      expect(answer.body.env).toEqual({ B: "3" });
    });
  });

  test("a job gets all that was set, secrets in the clear, and the API shows of them only that they are there", async () => {
    const { id } = await add("full", { env: { MODE: "preview" }, resources: { cpus: 2, memory: "512m" } });
    const set = (path: string, body: unknown) => call("PUT", `/projects/full${path}`, body);
    for (const answer of [
      await set("/secrets/PASSWORD", { value: "hunter1" }),
      await set("/secrets/PASSWORD", { value: "hunter2\nwith a second line" }),
      await set("/secrets/EMPTY", { value: "" }),
      await set("/secrets/GONE", { value: "x" }),
      await set("/credential", { kind: "token", username: "ada", token: "hunter3" }),
      await set("/registries/ghcr.io", { username: "ada", password: "hunter4" }),
      await set("/registries/localhost:5000", { username: "ada", password: "hunter5" }),
      await call("DELETE", "/projects/full/secrets/GONE"),
      await call("DELETE", "/projects/full/registries/localhost:5000"),
    ])
      expect(answer.status, JSON.stringify(answer.body)).toBe(204);

    const shown = await call("GET", "/projects/full");
    expect(shown.body).toMatchObject({
      credential: { kind: "token", changedAt: expect.any(String) },
      secrets: [
        { key: "EMPTY", changedAt: expect.any(String) },
        { key: "PASSWORD", changedAt: expect.any(String) },
      ],
      registries: [{ host: "ghcr.io", username: "ada", changedAt: expect.any(String) }],
    });
    expect(JSON.stringify([shown.body, (await call("GET", "/projects")).body])).not.toContain("hunter");

    expect(await projects.forJob(id)).toEqual({
      project: {
        id,
        name: "full",
        repoKey: shown.body.repoKey,
        url: "https://git.example/acme/full",
        credential: { kind: "token", username: "ada", token: "hunter3" },
      },
      env: { MODE: "preview" },
      secrets: { PASSWORD: "hunter2\nwith a second line", EMPTY: "" },
      registries: { "ghcr.io": { username: "ada", password: "hunter4" } },
      resources: { cpus: 2, memory: "512m" },
    });
    await expect(projects.forJob("prjnowhere")).rejects.toMatchObject({ code: "not_found" });
  });

  test("what is not a secret, a login or a credential is refused without being repeated", async () => {
    await add("strict");
    for (const [path, body] of [
      ["/secrets/1A", { value: "hunter2" }],
      ["/secrets/A", { value: { a: "hunter2" } }],
      ["/secrets/A", { value: "hunter2\0" }],
      ["/secrets/A", { value: "hunter2".repeat(10_000) }],
      ["/credential", { kind: "token", token: "hunter2\n" }],
      ["/credential", { kind: "password", token: "hunter2" }],
      ["/credential", { kind: "ssh", privateKey: "hunter2" }],
      ["/registries/GHCR.io", { username: "a", password: "hunter2" }],
    ] as const) {
      const answer = await call("PUT", `/projects/strict${path}`, body);
      expect([path, answer.status, answer.body.code]).toEqual([path, 400, "invalid_request"]);
      expect(JSON.stringify(answer.body)).not.toContain("hunter2");
    }
    for (const path of ["/secrets/A", "/registries/ghcr.io"])
      expect((await call("DELETE", `/projects/strict${path}`)).body.code).toBe("not_found");
    expect((await call("PUT", "/projects/nowhere/secrets/A", { value: "x" })).body.code).toBe("not_found");
    expect(server.log()).not.toContain("hunter");
  });
});
