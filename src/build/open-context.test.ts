import { expect, test } from "vitest";
import { createFilesTree } from "../buildkit/index.js";
import { openContext } from "./open-context.js";
import { emptyRequest } from "./request-defaults.js";

test("A tree that the caller has made stays open when the build is over: its layers are stored after that.", async () => {
  let closed = 0;
  const tree = {
    ...createFilesTree(new Map([["Dockerfile", "FROM scratch\n"]])),
    close: async () => {
      closed += 1;
    },
  };
  const options = { cwd: "/", signal: new AbortController().signal, onWarning: () => {} };
  const opened = await openContext(emptyRequest({ kind: "tree", tree }), options);
  expect(opened.trees.context).toBe(tree);
  await opened.close();
  expect(closed).toBe(0);
});
