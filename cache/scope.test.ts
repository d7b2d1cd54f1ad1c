import { expect, test } from "vitest";
import type { BuildGraph, GraphStep } from "../src/buildkit/index.js";
import { cacheScope, requireOwnMounts } from "./scope.js";

const repoKey = "github.com-acme-shop-0123456789ab";

test("Pull requests of a repository share its caches, whatever their number.", () => {
  const base = cacheScope({ repoKey, pr: null, fork: false });
  const { layers: _own, registry: _ref, hostNames, ...rest } = cacheScope({ repoKey, pr: 7, fork: false });
  expect(base).toMatchObject(rest);
  expect(base.hostNames.otherwise).toBe(hostNames.otherwise);
  expect(base.namespace).toBe(repoKey);
});

test("A fork reads what the base has stored, and writes where nobody else reads.", () => {
  const base = cacheScope({ repoKey, pr: 1, fork: false });
  const fork = cacheScope({ repoKey, pr: 7, fork: true });
  const other = cacheScope({ repoKey, pr: 8, fork: true });
  expect(fork.readsFrom).toContain(base.own);
  for (const scope of [base, other]) {
    expect(scope.readsFrom).not.toContain(fork.own);
    expect(scope.namespace).not.toBe(fork.namespace);
    expect(`${scope.namespace}/`.startsWith(`${fork.namespace}/`)).toBe(false);
    expect(`${fork.namespace}/`.startsWith(`${scope.namespace}/`)).toBe(false);
  }
});

test("In a registry a pull request has a ref of its own and reads the base's; a fork reads the base's and writes none.", () => {
  expect(cacheScope({ repoKey, pr: null, fork: false }).registry).toEqual({
    own: "base",
    readsFrom: ["base"],
  });
  expect(cacheScope({ repoKey, pr: 7, fork: false }).registry).toEqual({
    own: "pr-7",
    readsFrom: ["pr-7", "base"],
  });
  for (const fork of [{ pr: 7 }, { pr: null, ref: "refs/heads/x" }])
    expect(cacheScope({ repoKey, ...fork, fork: true }).registry).toEqual({
      own: undefined,
      readsFrom: ["base"],
    });
});

test("Forks of commits that were deployed by a name are kept apart by that name.", () => {
  const of = (ref: string) => cacheScope({ repoKey, pr: null, ref, fork: true }).namespace;
  expect(of("abc")).not.toBe(of("abd"));
  expect(of("abc")).toBe(of("abc"));
});

test("Steps with cache mounts, or with secrets, have a host name of whose they are; all others that of the repository.", () => {
  const step = (caches: number, confidential = false) =>
    ({ caches: Array.from({ length: caches }), confidential }) as never as GraphStep;
  const base = cacheScope({ repoKey, pr: 1, fork: false });
  const fork = cacheScope({ repoKey, pr: 7, fork: true });
  const other = cacheScope({ repoKey, pr: 8, fork: true });
  expect(fork.buildArgs.BUILDKIT_SANDBOX_HOSTNAME).toBe(base.buildArgs.BUILDKIT_SANDBOX_HOSTNAME);
  for (const scope of [base, fork, other]) expect(scope.hostNames.of(step(0))).toBeUndefined();
  // What the frontend has given it already.
  expect(base.hostNames.of(step(1))).toBe(base.buildArgs.BUILDKIT_SANDBOX_HOSTNAME);
  const names = [base, fork, other].flatMap(({ hostNames: { of, otherwise } }) => {
    expect([of(step(0, true)), otherwise]).toEqual([of(step(2)), of(step(2))]);
    return of(step(1));
  });
  expect(new Set(names).size).toBe(3);
});

test("No repository can have a key that is the namespace of another one's fork.", () => {
  // What keys are made of: see repoKeyOf.
  expect(cacheScope({ repoKey, pr: 7, fork: true }).namespace).not.toMatch(/^[a-z0-9.-]*$/);
});

test("A mount of another namespace, or of none, is refused before it is used.", () => {
  const graph = (id: string): BuildGraph => ({
    steps: [
      {
        name: "RUN true",
        caches: [{ id, sharing: "shared", dest: "/c", seed: undefined }],
      } as never as GraphStep,
    ],
    part: () => ({}),
    again: undefined,
  });
  const scope = cacheScope({ repoKey, pr: null, fork: false });
  requireOwnMounts(graph(`${repoKey}//root/.npm`), scope);
  for (const id of ["/x", "other//root/.npm", `${repoKey}~fork-pr-7//root/.npm`, `${repoKey}2/x`, repoKey])
    expect(() => requireOwnMounts(graph(id), scope), id).toThrow(
      expect.objectContaining({ code: "forbidden" }),
    );
});
