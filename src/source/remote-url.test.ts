import { expect, test } from "vitest";
import { parseRemote, resolveSubmodule, sameOrigin } from "./remote-url.js";

test.each([
  [
    "https://Example.test/acme/shop.git",
    { kind: "http", host: "example.test", port: undefined, path: "/acme/shop.git" },
  ],
  ["https://me@example.test:8443/x", { kind: "http", url: "https://example.test:8443/x", port: 8443 }],
  ["http://[::1]:3000/x", { kind: "http", protocol: "http", host: "::1", port: 3000 }],
  [
    "ssh://git@example.test:2222/acme/shop",
    { kind: "ssh", host: "example.test", port: 2222, user: "git", path: "/acme/shop" },
  ],
  [
    "git@example.test:acme/shop.git",
    { kind: "ssh", host: "example.test", user: "git", path: "acme/shop.git" },
  ],
  ["example.test:/srv/x", { kind: "ssh", user: undefined, path: "/srv/x" }],
])("%s is taken apart", (address, parts) => {
  expect(parseRemote(address, false)).toMatchObject(parts);
});

test("a file is a repository only where files are allowed", () => {
  expect(parseRemote("/srv/x.git", true)).toMatchObject({
    kind: "file",
    url: "file:///srv/x.git",
    path: "/srv/x.git",
  });
  expect(() => parseRemote("/srv/x.git", false)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test.each([
  "",
  "shop",
  "-x:y",
  "git@-host:x",
  "git@host:-x",
  "ext::sh -c true",
  "ext::true",
  "git://host/x",
  "https://",
  "https://host",
  "https://host/x?y",
  "https://host/x#y",
  "https://host/a b",
  "https://host/\n",
  `https://host/${"x".repeat(3000)}`,
])("%j is refused", (address) => {
  expect(() => parseRemote(address, true)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("a password in an address is refused, and not repeated", () => {
  for (const address of ["https://me:hunter2@host/x", "ssh://git:hunter2@host/x"]) {
    expect(() => parseRemote(address, false)).toThrow(
      expect.objectContaining({ code: "config_invalid", message: expect.not.stringContaining("hunter2") }),
    );
  }
});

test.each([
  ["https://h/a/b.git", "../c.git", "https://h/a/c.git"],
  ["https://h/a/b.git/", "../../c", "https://h/c"],
  ["https://h/a/b", "./c", "https://h/a/b/c"],
  ["https://h:1/a/b", "../c/./d/../e/", "https://h:1/a/c/e"],
  ["git@h:a/b.git", "../c.git", "git@h:a/c.git"],
  ["git@h:b.git", "../c.git", "git@h:c.git"],
  ["git@h:/srv/b.git", "../c.git", "git@h:/srv/c.git"],
  ["ssh://git@h:22/a/b", "../c", "ssh://git@h:22/a/c"],
  ["file:///srv/a/b", "../c", "file:///srv/a/c"],
  ["https://h/a/b", "https://other/x", "https://other/x"],
  ["https://h/a/b", "..x", "..x"],
])("the submodule of %s at %s is %s", (parent, address, resolved) => {
  expect(resolveSubmodule(parent, address)).toBe(resolved);
});

test.each([
  ["https://h/a", "../../c"],
  ["https://h/a", ".."],
  ["git@h:a", "../../c"],
  ["https://h/a", "../../../evil.test/x"],
])("no submodule of %s is at %s: it would lead out of the host", (parent, address) => {
  expect(() => resolveSubmodule(parent, address)).toThrow(
    expect.objectContaining({ code: "config_invalid" }),
  );
});

test("a credential is for one protocol, host and port", () => {
  const home = parseRemote("https://h/a", false);
  expect(sameOrigin(home, parseRemote("https://H:443/b", false))).toBe(true);
  for (const other of ["http://h/a", "https://h:444/a", "https://x.h/a", "ssh://h/a", "https://h.evil/a"]) {
    expect(sameOrigin(home, parseRemote(other, false)), other).toBe(false);
  }
});
