import { describe, expect, test } from "vitest";
import { parseRepositoryUrl } from "./repository-url.js";

const remote = (url: string) => parseRepositoryUrl(url, { allowLocal: false });
const local = (url: string) => parseRepositoryUrl(url, { allowLocal: true });

describe("a repository's URL", () => {
  test.each([
    ["https://github.com/acme/shop.git", "github.com"],
    ["http://Git.Example:3000/acme/shop", "git.example"],
    ["ssh://git@github.com:2222/acme/shop.git", "github.com"],
    ["git@github.com:acme/shop.git", "github.com"],
    ["github.com:acme/shop.git", "github.com"],
    ["https://dev.azure.com/acme/My%20Project/_git/shop", "dev.azure.com"],
    ["https://[::1]:3000/acme/shop", "[::1]"],
    ["https://gitlab.example/group/sub.group/proj~1", "gitlab.example"],
  ])("is taken: %s", (url, host) => {
    const parsed = remote(url);
    expect(parsed.host).toBe(host);
    expect(parsed.repoKey).toMatch(/^[a-z0-9][a-z0-9.-]{12,100}$/);
  });

  test.each([
    "",
    "shop",
    "--upload-pack=touch /tmp/x",
    "-oProxyCommand=x:path",
    "ext::sh -c touch% /tmp/x",
    "git://github.com/acme/shop",
    "ftp://host/path",
    "javascript://host/path",
    "https://",
    "https://host/",
    "https://host/a b",
    "https://host/a%00b",
    "https://host/a?token=hunter2",
    "https://host/a#b",
    "https://host/$(id)",
    "ssh://-oProxyCommand=x/path",
    "ssh://-x@host/path",
    "git@-host:path",
    "git@host:-path",
    "git@host:../../etc/passwd",
    "git@host::path",
    "git@host:a\nb",
    "git@host:a\u0000b",
    "file:///srv/repo.git",
    "/srv/repo.git",
    `https://host/${"a".repeat(600)}`,
  ])("is refused: %j", (url) => {
    expect(() => remote(url)).toThrow(expect.objectContaining({ code: "git_repository_invalid" }));
  });

  test.each(["https://ada:hunter2@host/a", "https://ghp_hunter2@host/a", "ssh://git:hunter2@host/a"])(
    "is refused with a user and password in it, which the error does not repeat: %s",
    (url) => {
      expect(() => remote(url)).toThrow(
        expect.objectContaining({ hint: expect.stringContaining("credential") }),
      );
      expect(() => remote(url)).not.toThrow(/hunter2/);
    },
  );

  test("may be a path or a file URL where that is allowed", () => {
    expect(local("/srv/repo.git")).toMatchObject({ url: "/srv/repo.git", host: null });
    expect(local("file:///srv/repo.git")).toEqual(local("/srv/repo.git"));
    expect(() => local("file://elsewhere/srv/repo.git")).toThrow();
    expect(() => local("/srv/../etc")).toThrow();
  });
});

test("all ways to write one repository have one key", () => {
  const keys = [
    "https://github.com/acme/shop",
    "https://GitHub.com/acme/shop.git",
    "https://github.com:443/acme/shop/",
    "ssh://git@github.com/acme/shop.git",
    "git@github.com:acme/shop.git",
  ].map((url) => remote(url).repoKey);
  expect(new Set(keys).size).toBe(1);
});
