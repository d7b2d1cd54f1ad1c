import { expect, test } from "vitest";
import { repoKeyOf } from "./repo-key.js";

test("all ways to write one repository's address give one key", () => {
  const forms = [
    "https://github.com/acme/shop",
    "https://github.com/acme/shop.git",
    "https://github.com/acme/shop/",
    "https://github.com//acme/shop.git/",
    "http://github.com/acme/shop",
    "https://GitHub.com/Acme/Shop.GIT",
    "https://github.com:443/acme/shop",
    "https://someone:secret@github.com/acme/shop",
    "git@github.com:acme/shop.git",
    "git@github.com:/acme/shop",
    "github.com:acme/shop",
    "ssh://git@github.com/acme/shop.git",
    "ssh://git@github.com:22/acme/shop",
    "git+ssh://git@github.com/acme/shop",
    "git://github.com/acme/shop.git",
    " https://github.com/acme/shop ",
    "https://github.com/acme/%73hop",
  ];
  expect(new Set(forms.map(repoKeyOf))).toEqual(new Set(["github.com-acme-shop-c566806a55dc"]));
});

test("different repositories give different keys", () => {
  const addresses = [
    "https://github.com/acme/shop",
    "https://github.com/acme/shop2",
    "https://github.com/acme-shop/x",
    "https://github.com/acme/shop-x",
    "https://github.com/acme/shop/x",
    "https://gitlab.com/acme/shop",
    "https://github.com.example.test/acme/shop",
    "https://github.com:8443/acme/shop",
    "http://github.com:8080/acme/shop",
    "ssh://git@github.com:2222/acme/shop",
    "ssh://alice@github.com/acme/shop",
    "bob@github.com:acme/shop",
    "/srv/git/acme/shop.git",
    "file:///srv/git/Acme/shop.git",
    "https://local/srv/git/acme/shop",
    "https://[::1]/acme/shop",
    `https://github.com/${"deep/".repeat(40)}one`,
    `https://github.com/${"deep/".repeat(40)}two`,
  ];
  expect(new Set(addresses.map(repoKeyOf)).size).toBe(addresses.length);
});

test.each([
  "https://github.com/acme/shop",
  "https://github.com/../../../etc/passwd",
  "git@host:../../x",
  "https://example.test/ÄÖÜ ✓/..%2f..%2fx",
  "https://example.test/a\\b:c*d?e",
  "/",
  `https://example.test/${"x".repeat(400)}`,
])("the key of %j is safe as a file's name", (address) => {
  const key = repoKeyOf(address);
  expect(key).toMatch(/^[a-z0-9][a-z0-9.-]{12,100}$/);
  expect(key).not.toContain("..");
});

test.each([
  "",
  "shop",
  "https://",
  "https://github.com",
  "https://github.com/",
  "https://h/.git",
  "ftp//x",
  "a b",
])("%j is no address of a repository", (address) => {
  expect(() => repoKeyOf(address)).toThrow(expect.objectContaining({ code: "invalid_request" }));
});

test("a password in a refused address is not repeated", () => {
  expect(() => repoKeyOf("https://me:hunter2@")).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining("hunter2") }),
  );
});
