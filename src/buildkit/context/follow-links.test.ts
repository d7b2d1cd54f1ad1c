import { expect, test } from "vitest";
import { followLinks, type LinkLookup } from "./follow-links.js";

/** A tree as paths; links are written `link -> target`, directories come with what is in them. */
function tree(...lines: string[]): LinkLookup {
  const links = new Map<string, string>();
  const names = new Map<string, Set<string>>([[".", new Set()]]);
  for (const line of lines) {
    const [path = "", target] = line.split(" -> ");
    if (target !== undefined) links.set(path, target);
    const parts = path.split("/");
    for (const [depth, name] of parts.entries()) {
      const directory = parts.slice(0, depth).join("/") || ".";
      names.set(directory, (names.get(directory) ?? new Set()).add(name));
    }
  }
  return { readLink: (path) => links.get(path), names: (path) => [...(names.get(path) ?? [])] };
}

test.each<[string, string[], string[], string[] | undefined]>([
  ["a plain path is wanted as it is", ["a"], ["a"], ["a"]],
  ["what is not there is wanted too, so that the daemon can say so", [], ["nope/x"], ["nope/x"]],
  ["a link and its target are wanted", ["l -> dir/f", "dir/f"], ["l"], ["dir/f", "l"]],
  ["chains are followed to the end", ["a -> b", "b -> c/d", "c/d"], ["a"], ["a", "b", "c/d"]],
  ["a link on the way is followed", ["l -> dir", "dir/f"], ["l/f"], ["dir/f", "l"]],
  ["an absolute target starts at the root of the context", ["d/l -> /x/y", "x/y"], ["d/l"], ["d/l", "x/y"]],
  ["dots lead no further than the root", ["d/l -> ../../../x", "x"], ["d/l"], ["d/l", "x"]],
  ["a path that leaves the root is not looked up", [".. -> /etc"], ["../x"], ["../x"]],
  ["a link to itself ends", ["l -> l"], ["l"], ["l"]],
  ["links in a circle end", ["a -> b", "b -> a"], ["a/x"], ["a", "b"]],
  ["wildcards find links", ["l1 -> a", "l2 -> b", "other"], ["l*"], ["a", "b", "l*"]],
  ["wildcards without links stay patterns", ["d/f"], ["d/*"], ["d/*"]],
  [
    "wildcards are looked at in directories, too",
    ["d/l -> ../x", "x/y"],
    ["d/l?/y", "d/l*/y"],
    ["d/l*", "d/l?/y", "x/y"],
  ],
  ["an escaped star is no wildcard", ["a* -> x", "ab -> y"], ["a\\*"], ["a\\*"]],
  ["both of two paths through one link are wanted", ["l -> d"], ["l/a", "l/b"], ["d/a", "d/b", "l"]],
  ["what lies below something wanted is not named again", ["a/b"], ["a/b", "a"], ["a"]],
  ["the root means no restriction", ["a"], ["a", "."], undefined],
  ["a link to the root means no restriction", ["l -> /"], ["l"], undefined],
  ["slashes in front and behind mean nothing", ["a/b"], ["/a/b/"], ["a/b"]],
])("%s", async (_, lines, paths, expected) => {
  expect(await followLinks(tree(...lines), paths)).toEqual(expected);
});

test("a link that grows with every step ends", async () => {
  const wanted = await followLinks(tree("a -> a/x"), ["a/y"]);
  expect(wanted).toEqual(["a"]);
});

test("twenty thousand paths are all wanted", async () => {
  const paths = Array.from({ length: 20_000 }, (_, at) => `f${at}`);
  expect(await followLinks(tree(), paths)).toHaveLength(20_000);
});
