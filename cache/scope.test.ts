import { expect, test } from "vitest";
import type { BuildGraph, GraphStep } from "../src/buildkit/index.js";
import { cacheScope, requireOwnMounts } from "./scope.js";

const repoKey = "github.com-acme-shop-0123456789ab";

test("Pull requests of a repository share its caches, whatever their number.", () => {
  const base = cacheScope({ repoKey, pr: null, fork: false });
  const { layers: _own, ...rest } = cacheScope({ repoKey, pr: 7, fork: false });
  expect(base).toMatchObject(rest);
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
