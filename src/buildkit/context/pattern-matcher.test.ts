import { expect, test } from "vitest";
import { type ParentMatches, PatternMatcher } from "./pattern-matcher.js";

/** Asks the way a walk does: from the top directory down, each told what its parent matched. */
function walked(matcher: PatternMatcher, path: string): boolean {
  const parts = path.split("/");
  let parent: ParentMatches | undefined;
  let matched = false;
  for (const [depth] of parts.entries()) {
    const answer = matcher.matchesUsingParents(parts.slice(0, depth + 1).join("/"), parent);
    parent = answer.matches;
    matched = answer.matched;
  }
  return matched;
}

const table: readonly (readonly [patterns: string[], matching: string[], others: string[]])[] = [
  [["readme"], ["readme", "readme/x/y"], ["readme.md", "x/readme", "Readme"]],
  [["/readme"], [], ["readme"]],
  [["./readme/"], ["readme", "readme/x"], []],
  [["a/../b"], ["b"], ["a", "a/b"]],
  [["../b"], [], ["b", "a/b"]],
  [["a//b"], ["a/b"], ["a", "b"]],
  [["  spaced\t"], ["spaced"], [" spaced"]],
  [["*"], ["a", "a/b/c", ".hidden"], []],
  [["*.go"], ["x.go", ".go", "x.go/y"], ["d/x.go", "xgo"]],
  [["*/*.go"], ["d/x.go"], ["x.go", "d/e/x.go"]],
  [["a*/b"], ["abc/b", "a/b/c"], ["a/c/b"]],
  [["**"], ["a", "a/b", ".a"], []],
  [["**/"], ["a", "a/b"], []],
  [["**/**"], ["a", "a/b"], []],
  [["dir/**"], ["dir/a", "dir/a/b"], ["dir", "dirx/a"]],
  [["dir**"], ["dir", "dirx", "dir/a"], ["di"]],
  [["**/dir"], ["dir", "a/dir", "a/b/dir/c"], ["adir", "dirx"]],
  [["**dir"], ["dir", "adir", "a/bdir/c"], ["dirx"]],
  [["**/dir/*"], ["dir/a", "x/dir/a/b"], ["dir", "x/dir"]],
  [["**/*.txt"], ["a.txt", "d/e/a.txt"], ["a.txtx", "txt"]],
  [["**/**/*.txt"], ["a.txt", "d/a.txt"], ["a.md"]],
  [["a**/*.txt"], ["a/x.txt", "a/b/c/x.txt", "ab/x.txt"], ["b/x.txt"]],
  [["a/*.txt**"], ["a/x.txt", "a/x.txt.bak"], ["a/b/x.txt"]],
  [["a/**/b"], ["a/b", "a/x/b", "a/x/y/b"], ["a", "ab", "xa/b"]],
  [["a?c"], ["abc", "aüc", "a☺c"], ["ac", "a/c", "abbc"]],
  [["a[b-d]e"], ["abe", "ade"], ["aae", "ae"]],
  [["a[^b-d]e"], ["aae", "a☺e"], ["abe"]],
  [["[a-ζ]*"], ["α", "b"], ["ω", "A"]],
  [["[\\]a]"], ["]", "a"], ["\\"]],
  [["[x\\-]"], ["x", "-"], ["z"]],
  [["a\\*b"], ["a*b"], ["axb", "a\\*b"]],
  [["a\\\\"], ["a\\"], ["a"]],
  [["a.|)$(}+{c"], ["a.|)$(}+{c"], ["ax|)$(}+{c"]],
  [["dist/*.whl"], ["dist/a-2.4.0rc3+g08-py3.whl"], ["dist/a.whlx"]],
  [["a.b*"], ["a.b", "a.bc"], ["axb"]],
  [["café/*"], ["café/x"], ["cafe/x"]],
  [["line\nfeed*"], ["line\nfeed", "line\nfeed2"], ["line"]],
  [["**/x*y"], ["d/xaby"], ["d\n/q/x/y"]],
  // What an escape or a class means is decided by Go's regular expressions, not by the glob.
  [["v\\d"], ["v1"], ["vd", "v"]],
  [["[[:digit:]]x"], ["1x"], ["ax", ":x"]],
  [["[[:^digit:]]x"], ["ax"], ["1x"]],
  [["[\\w\\-]x"], ["ax", "-x"], [".x"]],
  [["\\pL1"], ["ä1"], ["11"]],
  [["[*]"], ["[]", "]", "/]"], ["*"]],
  [["[?]"], ["[]", "^]", "/]"], ["?", "]"]],
  [["a]b*"], ["a]b"], ["ab"]],
  [["x^*"], [], ["x^", "x"]],
  [["x^"], ["x^"], ["x"]],
  [
    ["docs", "!docs/readme"],
    ["docs", "docs/a", "docs/readmes"],
    ["docs/readme", "docs/readme/x"],
  ],
  [["docs/*", "!docs/readme"], ["docs/a"], ["docs", "docs/readme"]],
  [["!docs/readme", "docs"], ["docs/readme"], []],
  [
    ["**", "!util/web"],
    ["util", "util/x"],
    ["util/web", "util/web/foo"],
  ],
  [["**", "!util/web", "util/web/foo"], ["util/web/foo", "util/web/foo/x"], ["util/web/bar"]],
  [["**", "!dist/*.whl"], ["dist/x"], ["dist/a.whl"]],
  [
    ["a", "!a/b", "a/b/c", "!a/b/c/d"],
    ["a/b/c", "a/b/c/e"],
    ["a/b", "a/b/c/d"],
  ],
  [["!b"], [], ["a", "b"]],
  [["", "  ", "a"], ["a"], ["b"]],
  [["a", "! b"], ["a"], ["b"]],
];

test.each(table)("%j matches %j and not %j, asked alone or on a walk", (patterns, matching, others) => {
  const matcher = new PatternMatcher(patterns);
  for (const path of matching) {
    expect(matcher.matchesOrParentMatches(path), path).toBe(true);
    expect(walked(matcher, path), path).toBe(true);
  }
  for (const path of others) {
    expect(matcher.matchesOrParentMatches(path), path).toBe(false);
    expect(walked(matcher, path), path).toBe(false);
  }
});

test.each(["!", " ! ", "[", "[^", "[^bc", "a[", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "\\", "a/\\"])(
  "%j is refused when it is read",
  (pattern) => {
    expect(() => new PatternMatcher([pattern])).toThrow(expect.objectContaining({ code: "context_invalid" }));
  },
);

test.each([
  "[Local-Only]/",
  "\\q*",
  "\\1",
  "\\8",
  "a\\ä",
  "[[:nope:]]",
  "[[:constructor:]]",
  "\\p{Greek}",
  "\\xZZ",
])("%j is a glob that is no regular expression, and refused each time it is asked", (pattern) => {
  const matcher = new PatternMatcher([pattern]);
  for (let time = 0; time < 2; time++) {
    expect(() => matcher.matchesOrParentMatches("x")).toThrow(
      expect.objectContaining({ code: "context_invalid" }),
    );
  }
});

test("a pattern with many stars is answered without trying all ways", () => {
  const hostile = new PatternMatcher(["**/a*a*a*a*a*a*a*a*b", "**/x/**/x/**/x/**/x/**/x/**/x/c"]);
  expect(hostile.matchesOrParentMatches(`${"a".repeat(250)}`)).toBe(false);
  expect(hostile.matchesOrParentMatches("x/".repeat(1000))).toBe(false);
  expect(hostile.matchesOrParentMatches(`d/${"a".repeat(250)}b`)).toBe(true);
  expect(hostile.matchesOrParentMatches(`${"x/".repeat(1000)}c`)).toBe(true);
});

test.each([
  ["a*b*c*", ["abc", "axbxcx", "abcabc"], ["ab", "bc", "ab/c"]],
  ["a*b*c?", ["abcd", "axbxcc"], ["abc", "abcde/"]],
  ["**/a/**/b/**/c", ["a/b/c", "x/a/x/b/x/y/c", "a/b/b/c"], ["a/c", "xa/b/c", "a/b/xc", "abc"]],
  ["*-*-*\\b", ["1-2-3", "--x"], ["1-2", "1-2-"]],
  ["**/*[0-9]*.txt", ["d/a1.txt", "1.txt", "a1b.txt"], ["d/a.txt", "1/a.txt"]],
  ["*a*^*", [], ["a^", "a"]],
])("%j with its many stars matches %j and not %j", (pattern, matching, others) => {
  const matcher = new PatternMatcher([pattern]);
  for (const path of matching) expect(matcher.matchesOrParentMatches(path), path).toBe(true);
  for (const path of others) expect(matcher.matchesOrParentMatches(path), path).toBe(false);
});
