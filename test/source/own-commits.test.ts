import { expect, test } from "vitest";
import { mirrorOf, origin, serve, soon, useRoom } from "./room.js";

useRoom();

test("A commit is the repository's own when a branch or a tag has it, or goes on from it; not when only a pull request has it", async () => {
  const { commit, git, bare } = origin();
  const first = commit("refs/heads/main", { a: "1" });
  const tip = commit("refs/heads/main", { a: "2" });
  const branch = commit("refs/heads/feature/x", { b: "1" });
  git("push", "-q", "-f", bare, `${branch}:refs/pull/1/head`);
  const released = commit("refs/pull/2/head", { c: "1" });
  git("tag", "-a", "-m", "t", "v1");
  git("push", "-q", bare, "v1");
  const foreign = commit("refs/pull/3/head", { d: "1" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const isOwn = async (ref: string, id = ref) => {
    const ask = mirror.ownership({ ...soon(), commit: ref === id ? id : null });
    await mirror.fetch([ref], soon());
    return await ask(id);
  };
  expect(await isOwn("refs/pull/1/head", branch)).toBe(true);
  expect(await isOwn("refs/pull/2/head", released)).toBe(true);
  expect(await isOwn("refs/pull/3/head", foreign)).toBe(false);
  expect(await isOwn(foreign)).toBe(false);
  await mirror.fetch(["main"], soon());
  expect(await isOwn(first)).toBe(true);
  expect(await isOwn(tip)).toBe(true);
});

test("A commit that was the repository's own stays so when its branch moves on, and costs no question then", async () => {
  const { commit, git, bare } = origin();
  commit("refs/heads/main", { a: "1" });
  git("branch", "-f", "first");
  const before = commit("refs/heads/feature", { b: "1" });
  const { url, requests } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const ask = mirror.ownership({ ...soon(), commit: null });
  await mirror.fetch(["feature"], soon());
  expect(await ask(before)).toBe(true);
  git("push", "-q", "-f", bare, "first:refs/heads/feature");
  const count = requests.length;
  expect(await mirror.ownership({ ...soon(), commit: before })(before)).toBe(true);
  expect(requests.length).toBe(count);
});

test("A branch that is pushed between the list of branches and the fetch is seen", async () => {
  const { commit, git, bare } = origin();
  commit("refs/heads/main", { a: "1" });
  let listed = () => {};
  const list = new Promise<void>((resolve) => {
    listed = resolve;
  });
  let late = "";
  const { url } = await serve({
    delay: async () => {
      if (late !== "") return;
      late = commit("refs/heads/late", { b: "1" });
      git("push", "-q", "-f", bare, `${late}:refs/pull/1/head`);
      listed();
    },
  });
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const ask = mirror.ownership({ ...soon(), commit: null });
  await list;
  await mirror.fetch(["refs/pull/1/head"], soon());
  expect(await ask(late)).toBe(true);
});

test("A remote that cannot be asked is an error, not an answer", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const server = await serve();
  const mirror = mirrorOf(`${server.url}/acme/shop.git`);
  await mirror.fetch([id], soon());
  await server.close();
  await expect(mirror.ownership({ ...soon(), commit: id })(id)).rejects.toMatchObject({
    code: expect.stringMatching(/^git_/),
  });
});
