import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import type { Mirror, Mirrors } from "../source/index.js";
import { jobSources } from "./job-source.js";

const commit = "c".repeat(40);

/** What a job's code is taken for, when the mirror says so of it. */
async function taken(fork: boolean | undefined, own: () => Promise<boolean>) {
  const notes: string[] = [];
  const mirror = {
    path: tmpdir(),
    fetch: async () => new Map([["refs/pull/7/head", commit]]),
    ownership: () => own,
  } as never as Mirror;
  const open = jobSources({ open: () => mirror } as never as Mirrors);
  const job = {
    project: { id: "p", name: "shop", repoKey: "shop", url: "https://git.example/shop", credential: null },
    ref: "refs/pull/7/head",
    commit: null,
    ...(fork === undefined ? {} : { fork }),
  };
  const source = await open(job, {
    signal: new AbortController().signal,
    onNote: (text) => notes.push(text),
  });
  await source.close();
  return { fork: source.fork, notes: notes.join() };
}

test("Who asks for a deployment has the last word about whose code it is, and the repository is not asked.", async () => {
  const never = () => Promise.reject(new Error("was asked"));
  expect(await taken(true, never)).toEqual({ fork: true, notes: "" });
  expect(await taken(false, never)).toEqual({ fork: false, notes: "" });
});

test("Without a word, code is a fork's unless the repository has it, also when nobody can tell.", async () => {
  expect(await taken(undefined, async () => true)).toEqual({ fork: false, notes: "" });
  expect(await taken(undefined, async () => false)).toEqual({
    fork: true,
    notes: expect.stringContaining("treated as a fork's"),
  });
  const away = () => Promise.reject(new GalleyError("git_unreachable", "nobody answers"));
  expect(await taken(undefined, away)).toEqual({
    fork: true,
    notes: expect.stringContaining("nobody answers"),
  });
});
